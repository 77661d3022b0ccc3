"""Multi-slot loops: pages joined, learned by slot, and logged; and loops that change their kind."""

from __future__ import annotations

from contextlib import aclosing

import orjson
import pytest

from loop.events import (
    Activation,
    LearningMode,
    Micros,
    MultiSlotDecision,
    SlotDecision,
    SlotRewards,
)
from loop.features import Action, Slot, compose, with_slots
from loop.joined_log import Event
from loop.joined_slots import MultiSlotEvent
from loop.learning_settings import with_exploration
from loop.multi_slot_model import AskedSlot, MultiSlotModel
from loop.segments import LATE_LOG
from loop.vw_lines import vw_lines
from storage.factory import LoopStorage
from storage.joined_log import joined_events, lines
from tests.trainer.scene import ARGUMENTS as SINGLE_SLOT
from tests.trainer.scene import Scene, after, decision, reward, stream

ARGUMENTS = "--ccb_explore_adf --epsilon 0.2 --cb_type mtr -q FT -l 0.1"
BUILT = with_exploration(ARGUMENTS, 0.2)
SLOTS = ("top", "side")
NAMES = "abc"


@pytest.fixture
async def scene(storage: LoopStorage) -> Scene:
    made = Scene(storage)
    await made.configure(ARGUMENTS)
    return made


def features(user: str) -> bytes:
    tree = compose([{"user": user}], [Action(x, [{"T": {"kind": x}}]) for x in NAMES])
    return orjson.dumps(with_slots(tree, [Slot(slot, [{"place": slot}]) for slot in SLOTS]))


def page(
    event_id: str,
    seconds: float,
    top: int = 0,
    side: int = 1,
    *,
    user: str = "u",
    mode: LearningMode = LearningMode.ONLINE,
    deferred: bool = False,
) -> MultiSlotDecision:
    left = [i for i in range(3) if i != top]
    other = next(i for i in left if i != side)
    slots = (
        SlotDecision("top", (top, *left), (0.5, 0.25, 0.25), baseline=0),
        SlotDecision("side", (side, other), (0.5, 0.5), baseline=1),
    )
    return MultiSlotDecision(event_id, after(seconds), features(user), slots, "m", mode, deferred)


def rewards(event_id: str, seconds: float, **values: float) -> SlotRewards:
    return SlotRewards(event_id, after(seconds), tuple(values.items()))


def pages(count: int, start: float = 0.0) -> list[MultiSlotDecision | SlotRewards]:
    """Pages a second apart; ``c`` is liked at the top, ``a`` at the side."""
    found: list[MultiSlotDecision | SlotRewards] = []
    for i in range(count):
        top, side = i % 3, (i + 1 + i // 3 % 2) % 3
        name = f"p{start + i:06.1f}"
        found.append(page(name, start + i, top, side, user=f"u{i % 4}"))
        found.append(rewards(name, start + i + 5, top=float(top == 2), side=float(side == 0)))
    return found


async def logged(scene: Scene) -> list[Event]:
    found = joined_events(scene.storage.blobs, Micros(0), Micros(2**62))
    async with aclosing(found):
        return [event async for event in found]


async def test_pages_are_learned_logged_and_published(scene: Scene) -> None:
    # GIVEN ninety pages and what came of their slots
    await scene.happen(pages(90))
    # WHEN the wait of all is over
    report = await scene.train(90 + 60 + 10 + 10)
    # THEN they are logged, in order, with the rewards of each slot
    events = await logged(scene)
    assert len(events) == report.lessons == 90
    assert all(isinstance(event, MultiSlotEvent) for event in events)
    first = events[0]
    assert isinstance(first, MultiSlotEvent)
    assert [o.reward for o in first.outcomes] == [0.0, 0.0]
    # AND the model that is published has learned them, in that order
    manifest = await scene.manifest()
    assert manifest.model is not None
    assert manifest.model.arguments == BUILT
    with MultiSlotModel(BUILT) as model:
        for event in events:
            assert isinstance(event, MultiSlotEvent)
            assert event.lesson is not None
            model.learn(vw_lines(orjson.loads(event.decision.features)), event.lesson)
        assert await scene.model() == model.save()
        # AND knows what is liked where
        asked = [AskedSlot((0, 1, 2), "1"), AskedSlot((0, 1, 2), "2")]
        top, side = model.decide(vw_lines(orjson.loads(features("u1"))), asked)
    assert dict(zip(top.ranking, top.probabilities, strict=True))[2] > 0.8
    if top.ranking[0] != 0:
        assert dict(zip(side.ranking, side.probabilities, strict=True))[0] > 0.8


async def test_everything_ends_in_exactly_one_class(scene: Scene) -> None:
    # GIVEN pages of every sort
    await scene.happen(
        [
            page("learned", 0),
            rewards("learned", 1, top=1.0, nowhere=1.0, elsewhere=0.0),
            page("defaulted", 1),
            page("watched", 2, mode=LearningMode.LOGGING_ONLY),
            page("idle", 3, deferred=True),
            page("active", 4, deferred=True),
            Activation("active", after(5)),
            page("learned", 26),
            rewards("late", 100, side=1.0),
            page("late", 7),
            rewards("orphan", 8, side=1.0),
            decision("other", 9),
            reward("other", 10),
            page("single", 11),
            reward("single", 12),
        ]
    )
    # WHEN all is over
    await scene.train(1000)
    # THEN the counts say what became of each
    counts = (await scene.manifest()).counts
    assert (counts.learned, counts.duplicates) == (5, 1)
    assert (counts.logged_only, counts.not_activated, counts.unlearnable) == (1, 1, 0)
    assert (counts.other_kind, counts.slotless) == (1, 3)
    assert (counts.joined, counts.late, counts.orphaned) == (3, 1, 1)
    # AND late and orphaned rewards are kept
    [name] = await scene.names(f"{LATE_LOG.folder}/")
    late = [orjson.loads(line) async for line in lines(scene.storage.blobs.stream(name))]
    assert [(line["EventId"], line["slots"], line["late"]) for line in late] == [
        ("orphan", [{"Index": "side", "v": 1.0}], False),
        ("late", [{"Index": "side", "v": 1.0}], True),
    ]


async def test_an_apprentice_learns_each_slots_baseline(scene: Scene) -> None:
    # GIVEN an apprentice, whose baselines are ``a`` at the top and ``b`` at the side
    happened = [
        page(f"p{i:03d}", i, i % 3, (i + 1 + i // 3 % 2) % 3, mode=LearningMode.APPRENTICE)
        for i in range(90)
    ]
    await scene.happen(
        [*happened, *(rewards(p.event_id, i, top=-1.0) for i, p in enumerate(happened))]
    )
    # WHEN it has learned
    await scene.train(1000)
    # THEN it would choose them, though the observed rewards speak against it
    with MultiSlotModel(BUILT, await scene.model()) as model:
        asked = [AskedSlot((0, 1, 2), "1"), AskedSlot((0, 1, 2), "2")]
        top, side = model.decide(vw_lines(orjson.loads(features("u"))), asked)
    assert dict(zip(top.ranking, top.probabilities, strict=True))[0] > 0.8
    assert dict(zip(side.ranking, side.probabilities, strict=True))[1] > 0.8
    events = await logged(scene)
    assert {event.reward for event in events} == {-1.0}


async def test_a_loop_that_changes_its_kind_learns_what_is_of_that_kind(scene: Scene) -> None:
    # GIVEN a single-slot loop with a model
    await scene.configure(SINGLE_SLOT)
    await scene.happen(stream(30))
    await scene.train(200)
    single = (await scene.manifest()).model
    assert single is not None
    # WHEN it becomes multi-slot
    await scene.configure(ARGUMENTS, version=1)
    await scene.train(220)
    # THEN its model is gone, since there are no pages yet, and the next one is of pages only
    assert (await scene.manifest()).model is None
    await scene.happen([*pages(30, start=300), *stream(5, start=300)])
    await scene.train(500)
    manifest = await scene.manifest()
    assert manifest.model is not None
    assert manifest.model.arguments == BUILT
    assert (manifest.counts.learned, manifest.counts.other_kind) == (60, 5)
    # WHEN it becomes single-slot again
    await scene.configure(SINGLE_SLOT, version=2)
    report = await scene.train(520)
    # THEN the model is rebuilt from all that was single-slot
    assert report.lessons == 35
    model = (await scene.manifest()).model
    assert model is not None
    assert model.arguments == single.arguments
    assert len(await logged(scene)) == 65


async def test_a_page_that_can_not_be_learned_stops_nothing(scene: Scene) -> None:
    # GIVEN pages that somebody has written into the log past the service
    broken = [
        page("a", 0).features.replace(b'"_slots"', b'"_slits"'),
        page("b", 0).features.replace(b'{"_id":"top"', b'7,{"_id":"top"'),
        b"no JSON\n",
        b"{}",
    ]
    happened = [
        MultiSlotDecision(f"broken{i}", after(i), data, page("x", 0).slots, "m")
        for i, data in enumerate(broken)
    ]
    await scene.happen([*happened, page("sound", 10)])
    # WHEN the trainer runs
    await scene.train(1000)
    # THEN the others are learned, and all are logged
    counts = (await scene.manifest()).counts
    assert (counts.learned, counts.unlearnable) == (1, 4)
    assert [event.withheld for event in await logged(scene)] == [True] * 4 + [False]
