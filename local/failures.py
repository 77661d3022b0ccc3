"""The one way in which local work gives up: a line that says what is wrong and what to do."""

from __future__ import annotations


class CannotRun(Exception):
    """Raised when the service can't start or go on here; its text is one line for the terminal."""
