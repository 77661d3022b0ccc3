"""Deleting and resetting while a run of the trainer is under way: what is gone stays gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import orjson
import pytest

from loop.configuration import ServiceConfiguration
from loop.events import SECOND, Decision, Micros, Reward
from loop.features import Action, compose
from loop.iso import instant_of
from loop.manifest import Manifest
from loop.settings import LoopSettings
from management.logs import LogProperties, delete_logs, get_log_properties
from management.model import get_model, reset_model
from management.policy import put_policy
from storage.documents import Document, Version
from storage.factory import LoopStorage
from trainer.limits import Limits
from trainer.report import Outcome
from trainer.run import train

START = Micros(1_772_366_400_000_000)  # 2026-03-01T12:00:00Z
WAIT = 600 * SECOND
LIMITS = Limits(grace_seconds=2)


class Interrupted(Document[Manifest]):
    """A manifest that lets somebody act just before or just after a run has committed it."""

    def __init__(
        self, document: Document[Manifest], when: str, act: Callable[[], Awaitable[None]]
    ) -> None:
        self._document = document
        self._when = when
        self._act = act

    async def read(self) -> Version[Manifest]:
        return await self._document.read()

    async def replace(self, value: Manifest, read: Version[Manifest]) -> Version[Manifest]:
        if self._when == "before":
            await self._act()
        written = await self._document.replace(value, read)
        if self._when == "after":
            await self._act()
        return written


async def serve(storage: LoopStorage, start: Micros, count: int) -> None:
    """Rank and reward ``count`` events, a second apart."""
    tree = compose([{"weather": "sunny"}], [Action("a", [{"x": 1}]), Action("b", [{"y": 1}])])
    for n in range(count):
        time = Micros(start + n * SECOND)
        decision = Decision(
            f"{start}-{n}", time, orjson.dumps(tree), (n % 2, 1 - n % 2), (0.5, 0.5)
        )
        await storage.log.append(decision)
        await storage.log.append(Reward(decision.event_id, Micros(time + SECOND), 1.0))


async def run(storage: LoopStorage, now: Micros) -> Outcome:
    return (await train(storage, lambda: now, LIMITS)).outcome


def due(start: Micros) -> Micros:
    """When events that began at ``start`` can all be learned."""
    return Micros(start + WAIT + 60 * SECOND)


@pytest.mark.parametrize(
    ("when", "outcome"), [("before", Outcome.SUPERSEDED), ("after", Outcome.COMMITTED)]
)
async def test_a_log_deleted_under_a_run_stays_deleted(
    storage: LoopStorage, when: str, outcome: Outcome
) -> None:
    # GIVEN events that are ready to be learned
    await serve(storage, START, 10)
    now = due(START)

    # WHEN the log is deleted while a run has them in its hands
    held = replace(
        storage, manifest=Interrupted(storage.manifest, when, lambda: delete_logs(storage, now))
    )
    assert await run(held, now) is outcome

    # THEN nothing of them is there, nor after the next run
    assert await get_log_properties(storage, now) == LogProperties()
    later = due(now)
    await run(storage, later)
    assert await get_log_properties(storage, later) == LogProperties()
    assert (await storage.manifest.read()).value.counts.decisions == 0

    # AND what comes afterwards is logged and learned
    await serve(storage, Micros(now + SECOND), 5)
    assert await run(storage, later) is Outcome.COMMITTED
    manifest = (await storage.manifest.read()).value
    assert (manifest.counts.decisions, manifest.counts.joined) == (5, 5)
    assert (await get_log_properties(storage, later)).start == instant_of(START)


async def test_a_model_reset_under_a_run_is_learned_afresh(storage: LoopStorage) -> None:
    # GIVEN a model, and new events
    await serve(storage, START, 10)
    await run(storage, due(START))
    assert await get_model(storage) != b""
    fresh = Micros(due(START))
    await serve(storage, fresh, 4)

    # WHEN it is reset while a run goes on learning it
    held = replace(
        storage, manifest=Interrupted(storage.manifest, "before", lambda: reset_model(storage))
    )
    assert await run(held, due(fresh)) is Outcome.SUPERSEDED

    # THEN there is none, and the next run begins one, from those events alone
    assert await get_model(storage) == b""
    assert await run(storage, due(fresh)) is Outcome.COMMITTED
    manifest = (await storage.manifest.read()).value
    assert manifest.model is not None
    assert manifest.first_model_created == manifest.model.created == due(fresh)
    assert manifest.counts.learned == 14


async def test_a_reset_calls_off_a_rebuild_that_is_due(storage: LoopStorage) -> None:
    await serve(storage, START, 10)
    await run(storage, due(START))
    await put_policy(storage, b'{"name":"p","arguments":"--cb_explore_adf -q ::"}')

    await reset_model(storage)
    await run(storage, Micros(due(START) + 600 * SECOND))

    assert await get_model(storage) == b""
    settings = (await storage.settings.read()).value
    assert settings.training_version == (await storage.manifest.read()).value.training_version == 1


async def test_a_policy_is_what_the_next_model_is_built_with(storage: LoopStorage) -> None:
    await storage.settings.replace(
        LoopSettings(configuration=ServiceConfiguration(exploration_percentage=0.35)),
        await storage.settings.read(),
    )
    await serve(storage, START, 10)
    await run(storage, due(START))
    await put_policy(storage, b'{"name":"p","arguments":" --cb_explore_adf -l .1 --epsilon .9"}')

    await run(storage, due(START))

    model = (await storage.manifest.read()).value.model
    assert model is not None
    assert model.arguments == "--cb_explore_adf --learning_rate=.1 --epsilon=0.35"
