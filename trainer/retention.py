"""Removing what is too old to be kept, and what was left behind."""

from __future__ import annotations

from datetime import datetime, timezone

from loop.configuration import FOREVER, ServiceConfiguration
from loop.events import SECOND, Micros
from loop.joining import EARLY
from loop.manifest import Manifest
from loop.segments import HOUR, JOINED_LOG, LATE_LOG, hour_of
from storage.blobs import Blobs
from storage.event_log import EventLog
from storage.models import ACTIVITY, BROKEN, METRICS, MODELS, STATE

DAY: int = 86_400 * SECOND

_LEFT_BEHIND = DAY
"""A run is over after minutes: what no manifest names a day later is nobody's any more."""


async def sweep(
    log: EventLog,
    blobs: Blobs,
    manifest: Manifest,
    configuration: ServiceConfiguration,
    now: Micros,
) -> None:
    """Remove logs beyond their retention, and blobs that dead runs have left.

    Rows that have not been joined stay, however old, and so do files that ``manifest`` may still
    have to commit.
    """
    await _sweep_leftovers(blobs, manifest, now)
    if configuration.log_retention_days == FOREVER:
        return
    oldest = now - configuration.log_retention_days * DAY
    await log.drop_before(Micros(min(oldest, manifest.position - EARLY)))
    named = {segment.blob for segment in manifest.segments}
    for series in (JOINED_LOG, LATE_LOG):
        async for entry in blobs.list(f"{series.folder}/"):
            hour = hour_of(entry.name)
            if hour is not None and hour + HOUR <= oldest and entry.name not in named:
                await blobs.delete(entry.name)
    async for entry in blobs.list(BROKEN):
        if _micros(entry.modified) <= oldest:
            await blobs.delete(entry.name)


async def _sweep_leftovers(blobs: Blobs, manifest: Manifest, now: Micros) -> None:
    named = set(named_blobs(manifest))
    for folder in (MODELS, STATE, METRICS, ACTIVITY):
        async for entry in blobs.list(folder):
            left = entry.name not in named and not entry.name.startswith(BROKEN)
            if left and _micros(entry.modified) <= now - _LEFT_BEHIND:
                await blobs.delete(entry.name)


def named_blobs(manifest: Manifest) -> list[str]:
    """The models, states and aggregates that a manifest keeps alive."""
    candidate = None if manifest.retrain is None else manifest.retrain.candidate
    models = (manifest.model, manifest.trained, candidate, *manifest.staged)
    states = (manifest.join_state, manifest.metrics, manifest.activity)
    return [
        *(model.blob for model in models if model is not None),
        *(state for state in states if state is not None),
    ]


def _micros(time: datetime) -> int:
    return int(time.astimezone(timezone.utc).timestamp()) * SECOND
