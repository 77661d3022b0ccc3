"""The way of every timer's call: what fails is logged, and the platform told its type alone."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable

from telemetry.subject import about_request

logger = logging.getLogger(__name__)


class TimerFailed(Exception):
    """Raised for the platform, so that it counts a timer's call as failed; it logs the text."""


async def call_timer(function: str, work: Awaitable[None]) -> None:
    """See a timer's call through; all its log lines have one id.

    Args:
        function: The timer's name.
        work: What there is to do.

    Raises:
        TimerFailed: The work has failed, in whatever way.
    """
    call_id = str(uuid.uuid4())
    with about_request(call_id):
        try:
            await work
        except Exception as error:
            # The platform would log the text of the error itself, which may quote what it read.
            kind = type(error).__name__
            said = {"function": function, "error": kind}
            logger.error("timer_crashed", extra=said, exc_info=error)
            raise TimerFailed(f"{kind} in call {call_id}, see its log lines") from None
