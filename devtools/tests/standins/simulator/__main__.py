"""Stand-in for the simulator: reads its fleet, then waits to be ended."""

import json
import signal
import sys
from pathlib import Path

fleet = json.loads(Path(sys.argv[sys.argv.index("--fleet") + 1]).read_text())
print(f"driving {len(fleet['vehicles'])} vehicles", flush=True)
signal.pause()
