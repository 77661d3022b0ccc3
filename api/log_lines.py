"""Log lines that say everything: the event, and then its fields."""

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


def log_to_platform() -> None:
    """Have the Functions host get each event's fields, and only what is worth its price.

    The worker's handler stands at the root before the app is imported. It passes on the text of
    a line and nothing else, and has no format of its own; a handler that has one keeps it.
    """
    for handler in logging.getLogger().handlers:
        if handler.formatter is None:
            handler.setFormatter(EventFormatter())
    # It has two lines for every request to storage, which the host takes for the function's own.
    logging.getLogger("azure.core").setLevel(logging.WARNING)
