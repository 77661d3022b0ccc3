"""What has happened to loops, sometimes long before somebody looks at them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import orjson

from api.deployment import now
from loop.activity import LEVELS, Activity
from loop.events import SECOND, Decision, LearningMode, Micros, Reward
from loop.manifest import Counts
from management.loops import add_loop
from storage.factory import LoopStorage, open_storage
from storage.options import CONNECTION, Timeouts, storage_options
from tests.api.test_views import keep
from tests.loop.test_activity import T, event
from tests.monitor.seeding import caller
from tests.service import LocalService

KNOWN_SECONDS = 60.0
"""How long the service may take to know a loop, to join its events, and to survey them."""

_ACTIONS = ("latte", "juice", "tea")
_FEATURES = {"latte": {"hot": True}, "juice": {"fruit": True}, "tea": {"leaves": True}}
_AT_ONCE = 8
_PATIENT = Timeouts(connect=30.0, append=30.0)

Past = Callable[[LoopStorage], Awaitable[None]]


def loop_with(service: LocalService, name: str, past: Past) -> str:
    """Make a loop with a past; the service learns of both at once. Returns its key."""

    async def made() -> str:
        options = storage_options({CONNECTION: service.connection})
        async with open_storage(replace(options, timeouts=_PATIENT)) as storage:
            await past(storage.loop(name))
            return (await add_loop(storage.register, name, now())).keys[0]

    # In a thread, since the browser has an event loop in this one.
    with ThreadPoolExecutor(1) as thread:
        key = thread.submit(asyncio.run, made()).result()
    _wait(service, key, "status", lambda answer: answer.is_success)
    return key


def surveyed(service: LocalService, key: str, decisions: int) -> None:
    """Wait until so many decisions are joined, and looked at by the diagnosis."""

    def is_done(answer: httpx.Response) -> bool:
        found = answer.json()
        return bool(found["events"]["decisions"] == decisions and found["sampledEvents"])

    _wait(service, key, "diagnostics", is_done)


def _wait(
    service: LocalService, key: str, path: str, is_done: Callable[[httpx.Response], bool]
) -> None:
    deadline = time.monotonic() + KNOWN_SECONDS
    with caller(service, key) as api:
        while not is_done(api.get(path)):
            assert time.monotonic() < deadline, f"{path} does not tell of the loop's past"
            time.sleep(0.1)


CAFE_EVENTS = 400
CAFE = Counts(
    decisions=410,
    duplicates=10,
    defaulted=60,
    not_activated=10,
    rewards=380,
    joined=340,
    late=20,
    orphaned=20,
)
"""What becomes of what was sent in ``cafe``, as far as the page tells of it."""


async def cafe(storage: LoopStorage) -> None:
    """Most of an hour in a café: guests want juice in the morning and tea in the evening.

    A model serves them from the hundredth on. One reward in twenty comes too late, one in twenty
    names no event, and one guest in twenty leaves none; some ids come twice, and some decisions
    are never shown.
    """
    then = now() - 3_200 * SECOND
    rows: list[Decision | Reward] = []
    for i in range(CAFE_EVENTS):
        best = 1 + i % 2
        moment = Micros(then + i * 4 * SECOND)
        decision = _decision(i, moment, best)
        rows.append(decision)
        if i % 40 == 9:
            rows.append(Decision(f"guest-{i}", Micros(moment + 60 * SECOND), *_drawn(i, best)))
        value = float(decision.ranking[0] == best)
        match i % 20:
            case 3:
                rows.append(Reward(f"guest-{i}", Micros(moment + 700 * SECOND), value))
            case 5:
                rows.append(Reward(f"stranger-{i}", Micros(moment + SECOND), value))
            case 7:
                pass
            case _:
                rows.append(Reward(f"guest-{i}", Micros(moment + (2 + i % 90) * SECOND), value))
    await _append(storage, rows)


REGULARS = 5_000
"""How many decisions there are in ``regulars``."""


async def regulars(storage: LoopStorage) -> None:
    """Most of an hour in a busy café, whose model gets better and better.

    Nearly all is well with it; some guests take their time to say how they liked it.
    """
    then, chance = now() - 3_300 * SECOND, random.Random(5)
    rows: list[Decision | Reward] = []
    for i in range(REGULARS):
        best = 1 + i % 2
        moment = Micros(then + i * SECOND // 2)
        # What the model takes for the best, which is right more and more often.
        knows = chance.random() < i / REGULARS * 2
        guess = best if knows else chance.randrange(3)
        shares = [0.2 / 3 + 0.8 * (action == guess) for action in range(3)]
        [chosen] = chance.choices(range(3), shares)
        ranking = (chosen, *(action for action in range(3) if action != chosen))
        probabilities = tuple(shares[action] for action in ranking)
        model = "a-model" if i >= REGULARS / 20 else ""
        rows.append(
            Decision(f"guest-{i}", moment, _features(i), ranking, probabilities, model=model)
        )
        likes = chance.random() < (0.9 if chosen == best else 0.15)
        delay = min(700.0, chance.lognormvariate(4.0, 1.2))
        rows.append(Reward(f"guest-{i}", Micros(moment + int(delay * SECOND)), float(likes)))
    await _append(storage, rows)


async def _append(storage: LoopStorage, rows: Sequence[Decision | Reward]) -> None:
    for begin in range(0, len(rows), _AT_ONCE):
        await asyncio.gather(*map(storage.log.append, rows[begin : begin + _AT_ONCE]))


def _decision(i: int, moment: Micros, best: int) -> Decision:
    return Decision(
        f"guest-{i}",
        moment,
        *_drawn(i, best),
        model="a-model" if i >= 100 else "",
        deferred=i % 40 == 7,
    )


def _drawn(i: int, best: int) -> tuple[bytes, tuple[int, ...], tuple[float, ...]]:
    """Features, ranking and propensities."""
    chosen = i // 2 % 3 if i < 100 else (best if i % 8 > 1 else i // 8 % 3)
    ranking = (chosen, *(action for action in range(3) if action != chosen))
    shares = [1 / 3 if i < 100 else 0.8 if action == best else 0.1 for action in ranking]
    return _features(i), ranking, tuple(shares)


def _features(i: int) -> bytes:
    features = {
        "FromUrl": [{"time": ("morning", "evening")[i % 2]}],
        "_multi": [
            {"_tag": name, "i": {"constant": 1, "id": name}, "j": [_FEATURES[name]]}
            for name in _ACTIONS
        ],
    }
    return orjson.dumps(features)


async def years(storage: LoopStorage) -> None:
    """More than a million events at every scale of time, with many actions of long names."""
    activity, moment = Activity(), now()
    for level in LEVELS:
        for back in range(level.spans):
            names = [f"an-article-with-a-long-name-{(7 * back + i) % 40}-{i}" for i in range(10)]
            at = Micros(moment - back * level.width)
            activity.add(event((0.1,) * 10, reward=back % 3 / 2, seconds=_since(at), names=names))
            activity.count(at, Counts(decisions=700, rewards=600, joined=500, late=100))
    await keep(storage, activity, Counts(decisions=1_100_000, rewards=943_000, joined=785_000))


async def days(storage: LoopStorage) -> None:
    """An event half an hour ago, four of nine hours ago, and sixteen of three days ago."""
    await _seldom(storage, {0.5: 1, 9.0: 4, 72.0: 16})


async def yesterday(storage: LoopStorage) -> None:
    """Five events of twenty hours ago, and nothing since."""
    await _seldom(storage, {20.0: 5})


async def _seldom(storage: LoopStorage, events: Mapping[float, int]) -> None:
    """Some events, by how many hours ago."""
    activity, moment = Activity(), now()
    for hours, count in events.items():
        at = Micros(moment - int(hours * 3_600) * SECOND)
        for _ in range(count):
            activity.add(event((0.5, 0.5), reward=1.0, seconds=_since(at)))
        activity.count(at, Counts(decisions=count, rewards=count, joined=count))
    all_ = sum(events.values())
    await keep(storage, activity, Counts(decisions=all_, rewards=all_, joined=all_))


async def steady(storage: LoopStorage) -> None:
    """Thirty decisions in each ten seconds: for an hour, and for the minute until one looks."""
    activity, moment = Activity(), now()
    for tens in range(-354, 6):
        activity.count(Micros(moment + tens * 10 * SECOND), Counts(decisions=30))
    await keep(storage, activity, Counts(decisions=30 * 360))


APPRENTICE_EVENTS = 1_000


async def apprentice(storage: LoopStorage) -> None:
    """A thousand events of an apprentice, which does as its baseline in four of five."""
    activity, moment = Activity(), now()
    for i in range(APPRENTICE_EVENTS):
        at = Micros(moment - (3_000 - 2 * i) * SECOND)
        activity.add(
            event(
                (0.9, 0.1),
                reward=0.5,
                chosen=int(i % 5 == 0),
                seconds=_since(at),
                mode=LearningMode.APPRENTICE,
            )
        )
        activity.count(at, Counts(decisions=1, rewards=1, joined=1))
    events = APPRENTICE_EVENTS
    await keep(storage, activity, Counts(decisions=events, rewards=events, joined=events))


def _since(moment: Micros) -> float:
    """Seconds from the time of an ``event``."""
    return (moment - T) / SECOND
