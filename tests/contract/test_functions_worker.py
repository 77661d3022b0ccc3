"""The app in the hands of Azure's own worker, as far as that is published as a package."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator

import pytest

from api.operations import OPERATIONS
from api.pages import METHODS, PAGES
from api.routing import CATCH_ALL, function_routes
from local.azurite import Azurite
from loop.register import DEFAULT_LOOP
from storage.factory import open_storage
from storage.options import CONNECTION, storage_options
from tests.evaluation.past import ask, happened, log
from tests.functions_host import Answer, FunctionsHost, Request, Tick, WorkerFailed

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="Azure's worker is a package from Python 3.13 on"
)

KEY = "hosted-key"
V1 = {"version": "v1.0"}
V2022 = {"api-version": "2022-09-01-preview"}
HEADERS = {"ocp-apim-subscription-key": KEY, "content-type": "application/json"}


@pytest.fixture(scope="module")
def host(azurite: Azurite) -> Iterator[FunctionsHost]:
    """A worker that serves the app."""
    settings = {
        CONNECTION: azurite.connection_string,
        "PERSONALIZER_KEY1": KEY,
    }
    with FunctionsHost(settings) as host:
        yield host


def rank(event_id: str, function: str = "rank", **address: dict[str, str]) -> Request:
    """A rank of three actions."""
    actions = [{"id": name, "features": [{"taste": name}]} for name in ("pasta", "salad", "soup")]
    body = {"contextFeatures": [{"day": "monday"}], "actions": actions, "eventId": event_id}
    where = address or {"params": V1}
    return Request(function, "POST", headers=HEADERS, body=json.dumps(body).encode(), **where)


def reward(event_id: str) -> Request:
    """A reward of 1."""
    params = {**V1, "eventId": event_id}
    return Request("reward", "POST", params, headers=HEADERS, body=b'{"value": 1}')


def error_code(answer: Answer) -> str:
    """The code that stands both in the header and in the body."""
    code: str = json.loads(answer.body)["error"]["code"]
    assert answer.headers["x-ms-error-code"] == code
    return code


def test_the_functions_are_those_of_the_operation_table(host: FunctionsHost) -> None:
    expected: dict[str, tuple[str, list[str] | None]] = {
        name: (route, [operation.method])
        for operation in OPERATIONS
        for name, route in function_routes(operation)
    }
    expected |= {page.name: (page.path, [*METHODS]) for page in PAGES}
    expected[CATCH_ALL[0]] = (CATCH_ALL[1], None)
    triggers = {
        name: next(b for b in map(json.loads, bindings) if b["direction"] == "IN")
        for name, bindings in host.functions.items()
    }
    timers = [triggers.pop(name) for name in ("trainer", "evaluator")]
    assert {name: (t["route"], t.get("methods")) for name, t in triggers.items()} == expected
    assert {t["authLevel"] for t in triggers.values()} == {"ANONYMOUS"}
    assert {timer["type"] for timer in timers} == {"timerTrigger"}
    assert [timer["schedule"] for timer in timers] == ["*/15 * * * * *", "0 * * * * *"]


def test_the_page_is_what_is_left_of_every_address(host: FunctionsHost) -> None:
    # The host calls no function with an empty route; a catch-all takes what is at the root.
    page, script, nothing = host.call(
        Request(CATCH_ALL[0], "GET"),
        Request(CATCH_ALL[0], "GET", {"path": "monitor/app.js"}),
        Request(CATCH_ALL[0], "GET", {"path": "monitor/../host.json"}),
    )
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.body.startswith(b"<!doctype html>")
    assert (script.status, script.headers["content-type"]) == (
        200,
        "text/javascript; charset=utf-8",
    )
    (known,) = host.call(
        Request(CATCH_ALL[0], "GET", headers={"if-none-match": page.headers["ETag"]})
    )
    assert (known.status, known.body) == (304, b"")
    assert nothing.status == 404


def test_rank_answers_alike_in_every_address(host: FunctionsHost) -> None:
    doubled = {"path": "personalizer//v1.0/rank"}
    answers = host.call(
        rank("everywhere"),
        rank("everywhere", "rank_2022", query=V2022),
        rank("everywhere", "zz_catch_all", params=doubled),
    )
    assert [answer.status for answer in answers] == [201, 201, 201]
    assert len({answer.body for answer in answers}) == 1
    assert json.loads(answers[0].body)["eventId"] == "everywhere"
    assert answers[0].headers["content-type"] == "application/json; charset=utf-8"
    assert len({answer.headers["apim-request-id"] for answer in answers}) == 3


@pytest.mark.parametrize("event_id", ["plain", "a%2Fb", "100%", "naïve 🍲"])
def test_what_has_no_answer_has_no_body(event_id: str, host: FunctionsHost) -> None:
    activate = Request("activate", "POST", {**V1, "eventId": event_id}, headers=HEADERS)
    answers = host.call(reward(event_id), activate)
    assert [(answer.status, answer.body) for answer in answers] == [(204, b""), (204, b"")]


def test_a_configuration_that_is_put_stays(host: FunctionsHost) -> None:
    read = Request("get_configuration", "GET", V1, headers=HEADERS)
    (before,) = host.call(read)
    wanted = {**json.loads(before.body), "rewardWaitTime": "PT20S"}
    body = json.dumps(wanted).encode()
    (put,) = host.call(Request("put_configuration", "PUT", V1, headers=HEADERS, body=body))
    (after,) = host.call(read)
    assert (put.status, after.status) == (200, 200)
    assert put.body == after.body
    assert json.loads(after.body)["rewardWaitTime"] == "PT20S"


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (
            Request("status", "GET", V1, headers={**HEADERS, "ocp-apim-subscription-key": "x"}),
            401,
            "401",
        ),
        (Request("rank", "POST", V1, headers=HEADERS), 400, "InvalidRankRequest"),
        (Request("rank", "POST", V1, headers=HEADERS, body=b"\xff{"), 400, "InvalidRankRequest"),
        (Request("status_2022", "GET", headers=HEADERS), 404, "ResourceNotFound"),
        (
            Request("zz_catch_all", "GET", {"path": "nothing"}, headers=HEADERS),
            404,
            "ResourceNotFound",
        ),
        (
            Request("zz_catch_all", "GET", {"path": "personalizer/v1.0/rank"}, headers=HEADERS),
            405,
            "OperationNotAllowed",
        ),
    ],
)
def test_errors_have_a_code(request_: Request, status: int, code: str, host: FunctionsHost) -> None:
    (answer,) = host.call(request_)
    assert (answer.status, error_code(answer)) == (status, code)


def test_it_serves_while_the_trainer_runs(host: FunctionsHost) -> None:
    calls: list[Request | Tick] = [Tick("trainer")]
    for number in range(16):
        calls += [rank(f"busy{number}"), reward(f"busy{number}")]
    answers = host.call(*calls, Tick("trainer"))
    assert [answer.status for answer in answers] == [0, *[201, 204] * 16, 0]
    (status,) = host.call(Request("status", "GET", V1, headers=HEADERS))
    assert status.status == 200


def test_the_evaluator_s_children_find_what_the_worker_has(
    host: FunctionsHost, azurite: Azurite
) -> None:
    async def past() -> None:
        async with open_storage(storage_options({CONNECTION: azurite.connection_string})) as opened:
            storage = opened.loop(DEFAULT_LOOP)
            await log(storage, happened(50))
            await ask(storage, "hosted")

    asyncio.run(past())
    (tick,) = host.call(Tick("evaluator"))
    assert tick.status == 0
    address = {**V1, "evaluationId": "hosted"}
    (found,) = host.call(Request("get_evaluation", "GET", address, headers=HEADERS))
    evaluation = json.loads(found.body)
    assert (evaluation["status"], len(evaluation["policyResults"])) == ("completed", 6)


def test_the_log_has_events_with_their_subject_and_their_fields(host: FunctionsHost) -> None:
    (read,) = host.call(Request("get_configuration", "GET", V1, headers=HEADERS))
    (put,) = host.call(Request("put_configuration", "PUT", V1, headers=HEADERS, body=read.body))
    request_id = put.headers["apim-request-id"]
    lines = [text for category, text in host.log if category == "management.configuration"]
    said = f"configuration_put loop=default request_id={request_id} training_version="
    assert lines[-1].startswith(said)
    # AND what a timer's thread says is of its own call, whatever is called beside it
    runs = [text for category, text in host.log if category == "trainer.run"]
    assert runs
    subject = re.compile(r"trainer_run loop=default request_id=([0-9a-f-]{36}) report=")
    calls = [found[1] for line in runs if (found := subject.match(line))]
    assert len(set(calls)) == len(runs)
    assert request_id not in calls
    assert not [text for category, text in host.log if category.startswith("azure.core")]


def test_it_is_asked_how_it_is_without_a_key(host: FunctionsHost) -> None:
    health, ready, head = host.call(
        Request("health", "GET"),
        Request("ready", "GET"),
        Request("zz_catch_all", "HEAD", {"path": "Health/"}),
    )
    assert json.loads(health.body) == {"status": "healthy"}
    assert json.loads(ready.body)["status"] == "ready"
    assert (health.status, ready.status, head.status) == (200, 200, 200)


def test_a_timer_that_fails_tells_the_platform_nothing_of_what_it_read(azurite: Azurite) -> None:
    # GIVEN a loop whose manifest is none, in a storage of its own
    secret = "likes " + "coffee"
    settings = {
        CONNECTION: azurite.connection_string,
        "PERSONALIZER_KEY1": KEY,
    }

    async def spoil(manifest: bytes | None) -> bytes | None:
        async with open_storage(storage_options(settings)) as opened:
            blobs = opened.loop(DEFAULT_LOOP).blobs
            before = await blobs.read("manifest.json")
            if manifest is None:
                await blobs.delete("manifest.json")
            else:
                await blobs.write("manifest.json", manifest)
            return None if before is None else before.data

    before = asyncio.run(spoil(b'{"position": "' + secret.encode() + b'"}'))
    # WHEN the trainer meets it
    try:
        with FunctionsHost(settings) as host, pytest.raises(WorkerFailed) as failed:
            host.call(Tick("trainer"))
    finally:
        asyncio.run(spoil(before))
    # THEN the platform is told what has failed, and the log where
    assert "ValidationError" in str(failed.value)
    told = str(failed.value) + str(host.log)
    assert secret not in told
    assert "training_failed loop=default" in told
