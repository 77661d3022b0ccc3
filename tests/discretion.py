"""Listens to all that is logged while a test runs, for what must be in no line of a log."""

from __future__ import annotations

import logging

from telemetry.log_lines import EventFormatter, SubjectFilter

FORBIDDEN = (
    # What features look like: as they are kept, and as VowpalWabbit is given them.
    "_multi",
    "FromUrl",
    "shared |",
    # What pydantic shows of a value that it refuses.
    "input_value",
    # Signatures, tokens and keys.
    "sig=",
    "Bearer ",
    "AccountKey",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq",
    "key-one",
    "key-two",
    "key-of-another-loop",
    "client-key",
)
"""The keys are those of ``tests.api.conftest`` and of Azurite."""


class Discretion(logging.Handler):
    """Keeps each line, as the service would write it, that holds any of that.

    Attributes:
        leaks: The lines.
    """

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(SubjectFilter())
        self.setFormatter(EventFormatter())
        self.leaks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look through one line."""
        if record.name.startswith("azure.") and record.levelno < logging.WARNING:
            return  # a service writes none of these, whatever a test wants to see of them
        line = self.format(record)
        if any(text in line for text in FORBIDDEN):
            self.leaks.append(line)
