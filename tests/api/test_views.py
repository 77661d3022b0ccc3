"""What the web page shows, over HTTP."""

from __future__ import annotations

import random
from collections.abc import Mapping

import httpx
import pytest

from api.deployment import now
from api.options import Options
from api.training import train_every_loop
from loop.activity import LEVELS, Activity
from loop.events import SECOND, LearningMode, Micros
from loop.manifest import Counts
from loop.windows import MOST_POINTS, RANGES
from storage.factory import LoopStorage
from storage.options import StorageOptions
from tests.api.conftest import KEYS
from tests.api.test_training import past_events
from tests.loop.test_activity import event

VIEWS = "/personalizer/v1.0/views/"
TRAINER = Options(trainer_grace=2.0)
LARGEST = 200_000


async def view(client: httpx.AsyncClient, name: str, **query: str) -> httpx.Response:
    return await client.get(VIEWS + name, headers=KEYS, params=query)


async def keep(storage: LoopStorage, activity: Activity, counts: Counts) -> None:
    """Leave an activity as a run of the trainer does."""
    await storage.blobs.write("activity/kept", activity.encode())
    read = await storage.manifest.read()
    update: Mapping[str, object] = {"activity": "activity/kept", "counts": counts}
    await storage.manifest.replace(read.value.model_copy(update=update), read)


@pytest.mark.parametrize("name", ["overview", "monitor", "model"])
async def test_a_view_needs_a_key(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(VIEWS + name)).status_code == 401


@pytest.mark.parametrize("name", ["overview", "monitor", "model"])
async def test_a_fresh_loop_has_views_with_nothing_in_them(
    client: httpx.AsyncClient, loop_name: str, name: str
) -> None:
    answer = await view(client, name)
    assert answer.status_code == 200
    found = answer.json()
    assert (found["loop"], found["kind"], found["learningMode"]) == (
        loop_name,
        "single-slot",
        "Online",
    )
    if name == "model":
        assert found["policy"] == found["defaultPolicy"]
        assert (found["history"], found["isRebuilding"]) == ([], False)
    else:
        assert (found["range"], found["times"]) == ("PT1H", [])


async def test_what_was_joined_is_in_the_views(
    client: httpx.AsyncClient, storage: LoopStorage, options: StorageOptions
) -> None:
    # GIVEN a hundred events of which every second is rewarded, and is not the baseline
    await past_events(storage, 100)
    # WHEN they are joined, by two runs of which the second finds nothing new
    await train_every_loop(TRAINER, options)
    await train_every_loop(TRAINER, options)
    overview = (await view(client, "overview")).json()
    # THEN each is counted once
    assert sum(overview["decisions"]) == overview["totals"]["decisions"] == 100
    assert sum(overview["online"]["events"]) == 100
    assert overview["totals"]["online"]["reward"] == 0.5
    assert overview["totals"]["baseline"]["reward"] == 0.0
    assert 0.0 < overview["totals"]["random"]["reward"] < 1.0
    assert overview["totals"]["random"]["halfWidth"] > 0.0
    assert len(overview["times"]) == len(overview["random"]["halfWidth"])
    assert overview["diagnosis"]["events"]["decisions"] == 100
    assert (overview["rewardWaitTime"], overview["updateFrequency"]) == ("PT10M", "PT5M")
    monitor = (await view(client, "monitor")).json()
    # AND so is what became of it
    for name, count in {"decisions": 100, "rewards": 100, "joined": 100, "defaulted": 0}.items():
        assert sum(monitor["fates"][name]) == monitor["totals"][name] == count
    assert monitor["totals"]["learned"] == 100
    [delay] = monitor["delays"]
    assert (delay["from"] <= 1.0 < delay["to"], delay["rewards"]) == (True, 100)
    assert monitor["rewardWaitSeconds"] == 600
    for shares in zip(*(each["share"] for each in monitor["actions"]), strict=True):
        assert sum(shares) == pytest.approx(1.0, abs=1e-4)
    assert monitor["apprentice"] is None
    # AND the model that was learned
    model = (await view(client, "model")).json()
    assert [each["isPublished"] for each in model["history"]] == [True]
    assert model["properties"]["lastModifiedTime"][:2] == "20"


async def test_a_stretch_can_be_asked_for(client: httpx.AsyncClient, storage: LoopStorage) -> None:
    # GIVEN an event now, one two hours ago and one three days ago
    activity = Activity()
    time = now()
    for seconds in (0, 7_200, 3 * 86_400):
        activity.count(Micros(time - seconds * SECOND), Counts(decisions=1))
    await keep(storage, activity, Counts(decisions=3))
    # THEN each range holds what is in it
    for name, decisions in zip(RANGES, (1, 2, 3, 3), strict=True):
        found = (await view(client, "overview", range=name.lower())).json()
        assert (found["range"], found["totals"]["decisions"]) == (name, decisions)
        assert found["ranges"] == list(RANGES)
    # AND by itself it is the shortest one that holds all
    assert (await view(client, "monitor")).json()["range"] == "P14D"
    # BUT no other one
    refused = await view(client, "monitor", range="PT5M")
    assert refused.status_code == 400
    assert refused.json()["error"]["target"] == "range"


@pytest.mark.parametrize(("decisions", "points"), [(1, 24), (10, 24), (20, 28), (1_000, 120)])
async def test_fewer_decisions_are_fewer_points(
    client: httpx.AsyncClient, storage: LoopStorage, decisions: int, points: int
) -> None:
    # GIVEN so many decisions in each ten seconds of an hour
    activity = Activity()
    time = now()
    for back in range(0, 3_600, 10):
        activity.count(Micros(time - back * SECOND), Counts(decisions=decisions))
    await keep(storage, activity, Counts(decisions=360 * decisions))
    # THEN points have 250 of them, as far as that is neither very few points nor very many
    found = (await view(client, "overview", range="PT1H")).json()
    assert points * 2 / 3 <= len(found["times"]) <= points
    assert sum(found["decisions"]) == 360 * decisions


async def test_an_apprentice_is_held_against_its_baseline(
    client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    # GIVEN an apprentice that once never did as the baseline, and then three times out of four
    activity = Activity()
    time = now() - 7_000 * SECOND
    start = event().decision.time
    for number in range(3_000):
        matched = number >= 1_000 and number % 4 > 0
        activity.add(
            event(
                chosen=int(not matched),
                reward=2.0,
                seconds=(time - start) / SECOND + number,
                mode=LearningMode.APPRENTICE,
            )
        )
    await keep(storage, activity, Counts(decisions=3_000))
    # THEN its last thousand events count, and some more of the same ten seconds
    found = (await view(client, "monitor")).json()["apprentice"]
    assert 1_000 <= found["events"] <= 1_020
    assert found["baselineReward"] == 2.0
    assert found["achievementRatio"] == pytest.approx(0.75, abs=0.01)
    assert found["personalizerReward"] == pytest.approx(1.5, abs=0.02)
    assert found["matched"] / found["events"] == pytest.approx(0.75, abs=0.01)


async def test_the_views_of_a_large_loop_are_small(
    client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    # GIVEN a million events at every time scale, with many actions
    activity = Activity()
    time, start = now(), event().decision.time
    chance = random.Random(5)
    for level in LEVELS:
        for back in range(level.spans):
            seconds = (time - start - back * level.width) / SECOND
            names = [f"an-article-with-a-long-name-{chance.randrange(40)}-{i}" for i in range(10)]
            activity.add(event((0.1,) * 10, reward=chance.random(), seconds=seconds, names=names))
            activity.count(Micros(time - back * level.width), Counts(decisions=700, joined=300))
    await keep(storage, activity, Counts(decisions=1_000_000))
    # THEN each view is one answer of bounded size, for every stretch
    for name in RANGES:
        for which in ("overview", "monitor"):
            answer = await view(client, which, range=name)
            assert answer.status_code == 200
            assert len(answer.content) < LARGEST
            assert 60 < len(answer.json()["times"]) <= MOST_POINTS
