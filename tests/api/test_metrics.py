"""Learning metrics and the mirror of the log, over HTTP and by the trainer's timer."""

from __future__ import annotations

import httpx
import pytest

from api.deployment import now
from api.options import Options
from api.training import train_every_loop
from loop.events import SECOND, Decision, Micros
from loop.segments import HOUR, hour_of
from storage.event_log import EventLog
from storage.factory import LoopStorage
from storage.options import StorageOptions
from tests.api.conftest import KEYS, Serve
from tests.api.test_training import past_events
from tests.mirrors import OwnContainer

METRICS = "/personalizer/v1.0/metrics/learning"
TRAINER = Options(trainer_grace=2.0)


@pytest.fixture
def own(options: StorageOptions, loop_name: str) -> OwnContainer:
    """A container of the owner's, which has to be made."""
    return OwnContainer(options, f"m{loop_name}")


async def asked(client: httpx.AsyncClient, **query: str) -> httpx.Response:
    return await client.get(METRICS, headers=KEYS, params=query)


async def test_metrics_are_there_once_events_are_joined(
    serve: Serve, options: StorageOptions, storage: LoopStorage
) -> None:
    # GIVEN a hundred events of which every second is rewarded, and is not the baseline
    await past_events(storage, 100)
    async with serve() as client:
        assert (await asked(client)).json() == []
        # WHEN they are joined
        await train_every_loop(TRAINER, options)
        # THEN they count
        answer = await asked(client, AggregationEventCount="10000")
        [[row]] = answer.json()
        assert answer.status_code == 200
        assert row.pop("startDate") < row.pop("endDate")
        assert row == {
            "learningMode": "Online",
            "numberOfEvents": 100,
            "sumOfRewards": 50.0,
            "numberOfMatchedEvents": 50,
            "sumOfImitatedRewards": 0.0,
            "cumulativeNumberOfEvents": 100,
            "cumulativeSumOfRewards": 50.0,
            "cumulativeNumberOfMatchedEvents": 50,
            "cumulativeSumOfImitatedRewards": 0.0,
        }
        assert (await asked(client, EndDate="2020-01-01T00:00:00Z")).json() == []
        # UNTIL the log is deleted
        await client.delete("/personalizer/v1.0/logs", headers=KEYS)
        assert (await asked(client)).json() == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"AggregationInterval": "PT59M"}, "AggregationIntervalTooShort"),
        ({"AggregationInterval": "PT61M"}, "AggregationIntervalInvalid"),
        ({"AggregationEventCount": "1"}, "AggregationEventCountTooSmall"),
        ({"AggregationEventCount": "10001"}, "AggregationEventCountInvalid"),
        ({"StartDate": "2026-02-01", "EndDate": "2026-01-01"}, "InvalidStartDateEndDate"),
        ({"NumberOfRecentEvents": "few"}, "BadRequest"),
    ],
)
async def test_what_can_not_be_asked_is_a_400(
    client: httpx.AsyncClient, query: dict[str, str], code: str
) -> None:
    answer = await asked(client, **query)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, code)


async def test_a_mirror_is_tried_when_it_is_put(
    client: httpx.AsyncClient, own: OwnContainer
) -> None:
    path = "/personalizer/configurations/service?api-version=2022-09-01-preview"
    body = {"logMirrorEnabled": True, "logMirrorSasUri": own.sas()}
    refused = await client.put(path, headers=KEYS, json=body)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "InvalidSasUri"
    assert refused.json()["error"]["target"] == "logMirrorSasUri"
    assert own.sas().partition("sig=")[2] not in refused.text
    await own.make()
    assert (await client.put(path, headers=KEYS, json=body)).json().items() >= body.items()


async def test_the_timer_mirrors_the_log_of_each_loop_in_a_folder_of_its_own(
    serve: Serve, options: StorageOptions, storage: LoopStorage, own: OwnContainer, loop_name: str
) -> None:
    # GIVEN a mirror, and events of hours ago
    await own.make()
    await past_events(storage, 20)
    await hours_ago(storage.log)
    async with serve() as client:
        path = "/personalizer/configurations/service?api-version=2022-09-01-preview"
        body = {"logMirrorEnabled": True, "logMirrorSasUri": own.sas()}
        assert (await client.put(path, headers=KEYS, json=body)).status_code == 200
    # WHEN the timer comes round
    await train_every_loop(TRAINER, options)
    # THEN the files of all hours that are over are there
    position = (await storage.manifest.read()).value.position
    names = [entry.name async for entry in storage.blobs.list("log/")]
    over = [name for name in names if (hour_of(name) or 0) + HOUR <= position]
    assert names[0] in over
    assert list(await own.files()) == [f"{loop_name}/{name}" for name in over]


async def hours_ago(log: EventLog) -> None:
    """An event of three hours ago."""
    time = Micros(now() - 10_800 * SECOND)
    await log.append(Decision("old", time, b'{"FromUrl":[],"_multi":[{"j":[]}]}', (0,), (1.0,)))
