"""Log lines in a terminal: time, level, event, what it is about and its fields."""

from __future__ import annotations

import logging

from telemetry.log_lines import EventFormatter, SubjectFilter


def log_to_terminal() -> None:
    """Show what the service says from INFO on, and what its libraries warn of."""
    handler = logging.StreamHandler()
    handler.addFilter(SubjectFilter())
    handler.setFormatter(EventFormatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # A line for every request to storage, and for what the lines of __main__ say already.
    for name in ("azure", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)
