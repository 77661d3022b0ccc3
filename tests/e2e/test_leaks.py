"""No line of the log holds what is told in confidence: features, keys, tokens, signatures, models.

Each of these is a canary here: a text that is nowhere else. Everything that can be asked of a
service is asked with them, well and badly, while its storage works and while it does not; then all
that the service has printed is looked through.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.deployment import now
from api.keys import KEY_HEADER
from api.operations import OPERATIONS, Operation
from local.azurite import Azurite
from loop.events import Decision, Reward
from loop.features import JsonObject, JsonValue
from loop.register import DEFAULT_LOOP
from storage.factory import open_storage
from storage.options import CONNECTION, storage_options
from tests.api.test_openapi import EVALUATION
from tests.batches import interactions, observations
from tests.e2e.running import Running, behind_proxies, until
from tests.fault_proxy import Answer
from tests.service import KeyLogged, LocalService

FEATURE, TEXT, TOKEN, SIGNATURE, MODEL, GUESS = (
    f"canary-{name}" for name in ("feature", "text", "token", "signature", "model", "guess")
)
KEYS = {
    "PERSONALIZER_KEY1": "canary-key-1",
    "PERSONALIZER_KEY2": "canary-key-2",
    "PERSONALIZER_CLIENT_KEY1": "canary-client-key",
}
SETTINGS = {**KEYS, "MODEL_REFRESH_SECONDS": "0.1", "LOOPS_REFRESH_SECONDS": "0.1"}
SAS = (
    f"https://acme.blob.core.windows.net/logs?sv=2021-08-06&sr=c&sp=w&se=2030-01-01&sig={SIGNATURE}"
)

ACTIONS: JsonValue = [
    {"id": "a", "features": [{FEATURE: FEATURE, "nested": {"deep": FEATURE}}]},
    {"id": "b", "features": [{"of": FEATURE}]},
]
CONTEXT: JsonValue = [{"user": FEATURE}]
RANK: JsonObject = {"contextFeatures": CONTEXT, "actions": ACTIONS}
POLICY: JsonObject = {"name": "mine", "arguments": "--cb_explore_adf --epsilon 0.3"}


BY_NAME = {operation.name: operation for operation in OPERATIONS}


def dumped(value: JsonValue) -> bytes:
    return json.dumps(value).encode()


GOOD = {
    "rank": dumped(RANK),
    "reward": b'{"value": 1}',
    "multi_slot_rank": dumped(
        {**RANK, "slots": [{"id": "top", "baselineAction": "a", "features": [{"s": FEATURE}]}]}
    ),
    "multi_slot_reward": b'{"reward": [{"slotId": "top", "value": 1}]}',
    "put_policy": dumped(POLICY),
    "create_evaluation": EVALUATION,
    "put_evaluation": EVALUATION,
    "put_feature_importance": EVALUATION,
    "log_interactions": interactions("batched"),
    "log_observations": observations(batched=1.0),
    "put_model": MODEL.encode() * 10,
    "describe_staged_model": dumped({"userDescription": TEXT}),
}

BAD: tuple[bytes, ...] = (
    b"",
    b"{",
    b'"' + FEATURE.encode() + b'"',
    b"\xff" + FEATURE.encode(),
    FEATURE.encode() * 3,
    dumped({"actions": FEATURE, "value": FEATURE, "reward": FEATURE, "arguments": TEXT}),
    dumped({**RANK, "actions": [{"id": "a", "features": [{FEATURE: [FEATURE]}]}]}),
    dumped({"actions": [{"id": "a", "features": [{FEATURE: {"x": FEATURE} | {"y": None}}]}] * 2}),
    dumped({**RANK, "excludedActions": [FEATURE], "contextFeatures": [FEATURE]}),
    json.dumps({**RANK, "contextFeatures": [{FEATURE: float("nan")}]}).encode(),
    dumped({"actions": [{"id": FEATURE * 99, "features": []}], "eventId": "e" * 300}),
    dumped({"value": {FEATURE: FEATURE}, "reward": [{"slotId": FEATURE, "value": FEATURE}]}),
    dumped({"name": TEXT, "arguments": f"--cb_explore_adf --{TEXT} {FEATURE} -f {TEXT}"}),
    dumped({"rewardWaitTime": TEXT, "logMirrorSasUri": SAS, "logMirrorEnabled": True}),
    dumped(
        {"startTime": TEXT, "endTime": FEATURE, "policies": [{"name": TEXT, "arguments": TEXT}]}
    ),
    dumped({"evaluationId": TEXT, "policyName": TEXT}),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service's output is kept."""
    return tmp_path_factory.mktemp("leaks")


@pytest.fixture
async def running(azurite: Azurite, folder: Path, loop_name: str) -> AsyncIterator[Running]:
    """A service whose storage can fail, with a loop of its own beside ``default``."""
    async with behind_proxies(azurite, loop_name, folder, SETTINGS) as running:
        await running.start()
        yield running


def address(operation: Operation, event_id: str, in_2022: bool) -> str:
    """Where an operation is called."""
    template = re.sub(r"\{\w+\}", event_id, operation.template)
    if in_2022:
        return f"/personalizer/{template}?api-version=2022-09-01-preview&range={TEXT}&top={TEXT}"
    return f"/personalizer/v1.1-preview.1/{template}"


class Caller:
    """Asks a service for everything, and counts what it answered.

    Attributes:
        statuses: How often each status came.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._turn = 0
        self.statuses: dict[int, int] = {}

    async def ask(self, operation: Operation, body: bytes | None, **headers: str) -> None:
        """Call an operation, at one of its addresses and then at the other."""
        self._turn += 1
        path = address(operation, f"e{self._turn}", self._turn % 2 == 0)
        answer = await self._http.request(
            operation.method, path, content=body, headers=headers, timeout=60
        )
        self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1

    async def ask_everything(self, bodies: bool, **headers: str) -> None:
        """Call all operations, well, and badly if there are to be bad bodies."""
        for operation in OPERATIONS:
            await self.ask(operation, GOOD.get(operation.name), **headers)
            if bodies and operation.method in ("POST", "PUT"):
                for body in BAD:
                    await self.ask(operation, body, **headers)


async def test_nothing_told_in_confidence_is_in_the_log(
    running: Running, azurite: Azurite, loop_name: str
) -> None:
    service = running.service
    async with httpx.AsyncClient(base_url=service.endpoint) as http:
        caller = Caller(http)
        # GIVEN a loop that learns within seconds, so that the trainer reads what is sent
        key = KEYS["PERSONALIZER_KEY1"]
        where = "/personalizer/v1.0/configurations/service"
        read = (await http.get(where, headers={KEY_HEADER: key})).json()
        quick = {"rewardWaitTime": "PT5S", "modelExportFrequency": "PT1S"}
        put = await http.put(where, json={**read, **quick}, headers={KEY_HEADER: key})
        assert put.status_code == 200
        # WHEN everything is asked for: well and badly, with keys of every sort, and without
        await caller.ask_everything(bodies=True, **{KEY_HEADER: key})
        for headers in (
            {KEY_HEADER: KEYS["PERSONALIZER_CLIENT_KEY1"]},
            {KEY_HEADER: GUESS},
            {"Authorization": f"Bearer {TOKEN}"},
            {KEY_HEADER: running.key, "Cookie": TOKEN, "User-Agent": TOKEN},
        ):
            await caller.ask_everything(bodies=False, **headers)
        # AND once events are joined, some of which no client can have sent, they are evaluated
        async with open_storage(storage_options({CONNECTION: azurite.connection_string})) as opened:
            log = opened.loop(DEFAULT_LOOP).log
            for features in (FEATURE.encode(), b'{"_multi":"' + FEATURE.encode() + b'"}'):
                await log.append(Decision(f"broken{len(features)}", now(), features, (0,), (1.0,)))
            await log.append(Reward("e0", now(), 1e300))

        async def evaluated() -> bool | None:
            await caller.ask(BY_NAME["create_evaluation"], EVALUATION, **{KEY_HEADER: key})
            await caller.ask(BY_NAME["get_diagnostics"], None, **{KEY_HEADER: key})
            return "evaluation_succeeded" in service.output or None

        await until("an evaluation", evaluated)
        for path in (f"/{TEXT}", f"/personalizer/v1.0/{TEXT}", f"/personalizer/rank?key={GUESS}"):
            await http.post(path, headers={KEY_HEADER: GUESS}, content=FEATURE)
        # AND while storage is away
        running.tables.always(Answer(503, "ServerBusy"))
        for name in ("rank", "reward"):
            await caller.ask(BY_NAME[name], GOOD[name], **{KEY_HEADER: key})
        running.blobs.always(Answer(500, "InternalError"))
        await asyncio.gather(
            *(caller.ask(each, GOOD.get(each.name), **{KEY_HEADER: key}) for each in OPERATIONS)
        )
        running.blobs.heal()
        running.tables.heal()
        # AND where what is stored can't be read: by the trainer, by ranks and by their owner
        async with open_storage(storage_options({CONNECTION: azurite.connection_string})) as opened:
            for name in (DEFAULT_LOOP, loop_name):
                blobs = opened.loop(name).blobs
                await blobs.write("settings.json", dumped({"configuration": {"x": FEATURE}}))
                await blobs.write("manifest.json", b'{"position": "' + FEATURE.encode() + b'"}')
        await caller.ask_everything(bodies=False, **{KEY_HEADER: key})

        async def timers_crashed() -> bool | None:
            told = service.output
            return ("training_failed" in told and "evaluator_failed" in told) or None

        await until("the timers' crashes", timers_crashed)
    assert service.stop() == 0
    # THEN the service has been through all of that
    assert caller.statuses.keys() >= {200, 201, 204, 400, 401, 403, 404, 500, 503}
    events = {
        line.split()[2] for line in service.logged if re.match(r"\d\d:\d\d:\d\d [A-Z]+ \w+ ", line)
    }
    assert events >= {
        "request_failed",
        "request_crashed",
        "training_failed",
        "evaluator_failed",
        "timer_crashed",
        "configuration_put",
        "evaluation_created",
        "trainer_run",
        "recording_interrupted",
    }
    # AND has told nobody
    leaks = [line for line in service.logged if "canary" in line]
    assert leaks == []
    assert running.key not in service.output
    # AND each line says what it is about
    for line in service.logged:
        if re.match(r"\d\d:\d\d:\d\d ", line):
            assert re.search(r" loop=\S+ request_id=\S+", line), line


def test_a_service_that_logs_a_key_is_found_out(tmp_path: Path) -> None:
    # GIVEN a service that greets its owner with the keys, as it may
    service = LocalService(tmp_path)
    log = tmp_path / "service.log"
    log.write_text(f"  endpoint  http://x\n  key 1  {service.key}\n  curl -H {service.key}\n")
    service.assert_no_key_is_logged()
    # WHEN a line of its log has one THEN that fails a test
    log.write_text(f"12:00:00 INFO ranked loop=default request_id=- by={service.key}\n")
    with pytest.raises(KeyLogged, match="ranked"):
        service.assert_no_key_is_logged()
