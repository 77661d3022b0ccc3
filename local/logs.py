"""Log lines in a terminal: time, level, event and its fields."""

from __future__ import annotations

import logging

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class EventFormatter(logging.Formatter):
    """Appends the fields of an event, which logging keeps as attributes of the record.

    >>> record = logging.makeLogRecord({"msg": "model_published", "levelname": "INFO", "events": 3})
    >>> EventFormatter("%(levelname)s %(message)s").format(record)
    'INFO model_published events=3'
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's own name)
        """The line without a traceback."""
        fields = (f" {k}={v}" for k, v in vars(record).items() if k not in _STANDARD)
        return super().formatMessage(record) + "".join(fields)


def log_to_terminal() -> None:
    """Show what the service says from INFO on, and what its libraries warn of."""
    handler = logging.StreamHandler()
    handler.setFormatter(EventFormatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # A line for every request to storage, and for what the lines of __main__ say already.
    for name in ("azure", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)
