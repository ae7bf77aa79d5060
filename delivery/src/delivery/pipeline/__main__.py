"""Entry point of ``python -m delivery.pipeline``."""

from delivery.pipeline.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
