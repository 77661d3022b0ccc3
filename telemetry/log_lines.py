"""Log lines that say everything: the event, what it is about, and then its fields.

And nothing more than that: the text of an error is in none of them, since it may quote a request.
"""

from __future__ import annotations

import logging
import traceback
from types import TracebackType

from telemetry.subject import current_loop, current_request

_NOBODY = "-"
_SUBJECT = ("loop", "request_id")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_OTHERS = _STANDARD | set(_SUBJECT)


class SubjectFilter(logging.Filter):
    """Names the loop and the request that a line is about, on every line that passes a handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let it pass, with the subject of the task that has written it."""
        # What a line says itself stands: it may be about another loop than the task.
        named = vars(record)
        named.setdefault("loop", current_loop() or _NOBODY)
        named.setdefault("request_id", current_request() or _NOBODY)
        if record.name == "asyncio":
            # Behind its first line, asyncio shows the task with the error that it died of.
            record.msg, record.args = record.getMessage().partition("\n")[0], None
        return True


class EventFormatter(logging.Formatter):
    """Appends the fields of an event, which logging keeps as attributes of the record.

    >>> record = logging.makeLogRecord({"msg": "model_published", "levelname": "INFO", "events": 3})
    >>> _ = SubjectFilter().filter(record)
    >>> EventFormatter("%(levelname)s %(message)s").format(record)
    'INFO model_published loop=- request_id=- events=3'
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, and where the error happened if there was one."""
        # Formatters leave their account of an error there for the next one: neither is the other's.
        kept, record.exc_text = record.exc_text, None
        try:
            return super().format(record)
        finally:
            record.exc_text = kept

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's own name)
        """The line without a traceback."""
        named = vars(record)
        fields = [(name, named[name]) for name in _SUBJECT if name in named]
        fields += [(name, value) for name, value in named.items() if name not in _OTHERS]
        return super().formatMessage(record) + "".join(f" {k}={v}" for k, v in fields)

    def formatException(  # noqa: N802  (logging's own name)
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """Where an error and those behind it happened, and of what types they are."""
        seen: list[BaseException] = []
        error = ei[1]
        while error is not None and all(error is not each for each in seen):
            seen.append(error)
            behind = None if error.__suppress_context__ else error.__context__
            error = error.__cause__ or behind
        lines = []
        for each in reversed(seen):
            lines += traceback.format_tb(each.__traceback__)
            lines.append(f"{type(each).__qualname__}\n")
        return "".join(lines).rstrip("\n")


def log_to_platform() -> None:
    """Have the Functions host get each event's fields, and only what is worth its price.

    The worker's handler stands at the root before the app is imported. It passes on the text of
    a line and nothing else, and has no format of its own; a handler that has one keeps it.
    """
    for handler in logging.getLogger().handlers:
        handler.addFilter(SubjectFilter())
        if handler.formatter is None:
            handler.setFormatter(EventFormatter())
    # They have lines for every request to storage and every export, which the host takes for the
    # function's own.
    logging.getLogger("azure").setLevel(logging.WARNING)
