"""Changes to a document that others may be changing at the same time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel

from loop.errors import StorageUnavailable
from storage.blobs import Conflict
from storage.documents import Document, Version

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=BaseModel)

_ATTEMPTS = 8


async def revise(document: Document[T], change: Callable[[T], T]) -> tuple[Version[T], T]:
    """Read, change and write over what was read; again where somebody else was faster.

    Args:
        change: Called once an attempt with the value as it stands; what it raises ends all.

    Returns:
        The version that was written over, and the value that stands now.

    Raises:
        StorageUnavailable: Others were faster every time.
    """
    for _ in range(_ATTEMPTS):
        version = await document.read()
        value = change(version.value)
        try:
            await document.replace(value, version)
        except Conflict:
            continue
        return version, value
    logger.warning("revision_lost", extra={"attempts": _ATTEMPTS})
    raise StorageUnavailable("The loop is being changed by others at the same time; try again.")
