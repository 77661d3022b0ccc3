"""What a task is at work on: the loop and the request that log lines and metrics are about.

It follows a task into those that it starts, as context variables do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_loop: ContextVar[str | None] = ContextVar("loop", default=None)
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def current_loop() -> str | None:
    """The loop that the caller is at work on, if it is one."""
    return _loop.get()


def current_request() -> str | None:
    """The id of the request, or of the timer's call, that the caller serves, if it is one."""
    return _request_id.get()


@contextmanager
def about_loop(name: str) -> Iterator[None]:
    """Work on a loop, inside the block.

    >>> with about_loop("shop"):
    ...     attributes()
    {'loop': 'shop'}
    >>> attributes()
    {}
    """
    token = _loop.set(name)
    try:
        yield
    finally:
        _loop.reset(token)


@contextmanager
def about_request(request_id: str) -> Iterator[None]:
    """Serve a request, or a timer's call, inside the block.

    It is about no loop before it ``turn_to_loop``.
    """
    request, loop = _request_id.set(request_id), _loop.set(None)
    try:
        yield
    finally:
        _loop.reset(loop)
        _request_id.reset(request)


def turn_to_loop(name: str) -> None:
    """From here on the request is about this loop."""
    _loop.set(name)


def leave_request() -> None:
    """From here on the task works for its loop alone: it outlives the request that started it."""
    _request_id.set(None)


def attributes() -> Mapping[str, str]:
    """What a measurement is told apart by."""
    loop = _loop.get()
    return {} if loop is None else {"loop": loop}
