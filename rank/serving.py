"""Serving: the configuration and the model that ranks are answered with, kept fresh.

Nothing here runs by a clock of its own. A rank that finds the last look at storage too old
starts a new one in the background and goes on with what is there.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from loop.configuration import ServiceConfiguration
from loop.errors import InvalidApiAccess, InvalidMultiSlotApiAccess, StorageUnavailable
from loop.events import LoopKind
from loop.manifest import PublishedModel
from loop.model import ModelError
from loop.models import open_model
from loop.settings import LoopSettings
from rank.decide import Served
from storage.factory import LoopStorage
from telemetry.subject import leave_request

logger = logging.getLogger(__name__)

STALE_LOOKS = 10
"""After so many missed looks the process has been idle, and a rank waits for the next one."""


class Serving:
    """What one loop is served with in this process.

    The current model is only ever used between two awaits of the event loop, and is replaced
    only there, so that nobody holds a model that is being closed.
    """

    def __init__(
        self,
        storage: LoopStorage,
        every: float,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Serve the loop kept in ``storage``.

        Args:
            storage: Where the settings, the manifest and the models are.
            every: Seconds between two looks at storage while ranks come in.
            patience: Seconds from the start of a look that ranks wait for it, where there has
                been none for long.
            clock: Seconds that only grow.
        """
        self._storage = storage
        self._every = every
        self._patience = patience
        self._clock = clock
        self._served = Served(ServiceConfiguration(), None, "")
        self._settings_etag: str | None = None
        self._manifest_etag: str | None = None
        self._looked = float("-inf")
        self._started = 0.0
        self._looking = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None

    async def current(self) -> Served:
        """What to answer a rank with, now; use it before the next await.

        Before a first look has succeeded this is a fresh loop's configuration and no model.
        """
        now = self._clock()
        age = now - self._looked
        if age >= self._every and self._background is None:
            self._started = now
            self._background = asyncio.create_task(self._refresh_in_background())
            self._background.add_done_callback(self._looked_in_background)
        left = self._started + self._patience - now
        if age >= self._every * STALE_LOOKS and self._background is not None and left > 0:
            await asyncio.wait({self._background}, timeout=left)
        return self._served

    async def answering(self, kind: LoopKind) -> Served:
        """``current``, for a call that is made for loops of one kind.

        It reads nothing but what is known. Only where that speaks against the call does it wait
        for a look at storage, if one is due.

        Raises:
            InvalidApiAccess: The loop is multi-slot, and the call is not.
            InvalidMultiSlotApiAccess: The other way round.
        """
        served = await self.current()
        if served.kind not in (kind, None) and self._background is not None:
            await asyncio.wait({self._background}, timeout=self._patience)
            served = self._served
        if served.kind in (kind, None):
            return served
        if kind is LoopKind.MULTI_SLOT:
            raise InvalidMultiSlotApiAccess(
                "This loop is single-slot: put a policy with --ccb_explore_adf to make it"
                " multi-slot, or call without 'multislot' in the path."
            )
        raise InvalidApiAccess(
            "This loop is multi-slot: call with 'multislot' in the path, or put a policy with"
            " --cb_explore_adf to make it single-slot."
        )

    async def refresh(self) -> None:
        """Look at storage now; what was stored before the call is served when it returns.

        Where storage can't be read, what is served stays as it is.
        """
        async with self._looking:
            try:
                await self._look()
            except StorageUnavailable:
                logger.warning("serving_refresh_failed", extra={"reason": "storage away"})
            finally:
                self._looked = self._clock()

    async def _refresh_in_background(self) -> None:
        leave_request()
        await self.refresh()

    async def close(self) -> None:
        """Stop looking and let go of the model."""
        if self._background is not None:
            self._background.cancel()
            await asyncio.wait({self._background})
        await self._swap(replace(self._served, model=None, model_id=""))

    async def _look(self) -> None:
        settings, manifest = await asyncio.gather(
            self._storage.settings.read_if_changed(self._settings_etag),
            self._storage.manifest.read_if_changed(self._manifest_etag),
        )
        if settings is not None:
            self._settings_etag = settings.etag
            self._served = replace(
                self._served,
                configuration=settings.value.configuration,
                kind=settings.value.kind,
            )
        elif self._served.kind is None:  # nobody has ever set anything
            self._served = replace(self._served, kind=LoopSettings().kind)
        if manifest is not None:
            await self._adopt(manifest.value.model)
            # Only now: a model that storage did not give is asked for again at the next look.
            self._manifest_etag = manifest.etag

    async def _adopt(self, published: PublishedModel | None) -> None:
        if published is None:
            await self._swap(replace(self._served, model=None, model_id=""))
            return
        if published.id == self._served.model_id:
            return
        blob = await self._storage.blobs.read(published.blob)
        if blob is None:
            self._refuse(published, "missing")
            return
        if hashlib.sha256(blob.data).hexdigest() != published.sha256.lower():
            self._refuse(published, "altered")
            return
        try:
            model = await asyncio.to_thread(open_model, published.arguments, blob.data)
        except ModelError:
            self._refuse(published, "not loadable")
            return
        await self._swap(replace(self._served, model=model, model_id=published.id))
        logger.info("model_served", extra={"model": published.id})

    async def _swap(self, served: Served) -> None:
        old = self._served.model
        self._served = served
        if old is not None:
            await asyncio.to_thread(old.close)

    def _refuse(self, published: PublishedModel, reason: str) -> None:
        logger.error("model_refused", extra={"model": published.id, "reason": reason})

    def _looked_in_background(self, task: asyncio.Task[None]) -> None:
        self._background = None
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("serving_refresh_crashed", exc_info=error)
