"""The one commit point: a manifest takes the place of the one that its run has started from."""

from __future__ import annotations

from contextlib import suppress

from loop.errors import StorageUnavailable
from loop.manifest import Manifest
from storage.blobs import Conflict
from storage.documents import Document, Version

_ATTEMPTS = 3


async def commit(document: Document[Manifest], read: Version[Manifest], manifest: Manifest) -> bool:
    """Write ``manifest`` over ``read``.

    An answer may be lost, and the write may still arrive: writing again is harmless, since it is
    guarded by what was read, and the manifest tells by its run whose it is.

    Returns:
        Whether it is in; if not, another run has been faster and nothing of this one counts.

    Raises:
        StorageUnavailable: Nobody knows; the next run will see.
    """
    for _ in range(_ATTEMPTS - 1):
        with suppress(StorageUnavailable):
            return await _attempt(document, read, manifest)
    return await _attempt(document, read, manifest)


async def _attempt(
    document: Document[Manifest], read: Version[Manifest], manifest: Manifest
) -> bool:
    try:
        await document.replace(manifest, read)
    except Conflict:
        return (await document.read()).value.run_id == manifest.run_id
    return True
