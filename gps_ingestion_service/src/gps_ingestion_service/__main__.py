"""``python -m gps_ingestion_service``."""

from gps_ingestion_service.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
