"""The service as a client meets it, on real storage."""

from __future__ import annotations

import logging
from dataclasses import replace
from hashlib import sha256
from uuid import UUID

import httpx
import pytest

from api.keys import KEY_HEADER
from api.options import Options
from loop.events import SECOND, Decision, Micros, Observation, Reward
from loop.learning_settings import DEFAULT_ARGUMENTS
from loop.manifest import Manifest, PublishedModel
from loop.model import Model, ModelError
from storage.event_log import BUCKET
from storage.factory import LoopStorage
from storage.options import StorageOptions
from tests.api.conftest import KEYS, NOWHERE, OTHER_KEYS, Serve

PATHS = (
    "/personalizer/v1.0/{}",
    "/personalizer/v1.1-preview.1/{}",
    "/personalizer/v1.1-preview.3/{}",
    "/personalizer/{}?api-version=2022-09-01-preview",
    "http://test//personalizer/v1.0/{}",
    "/Personalizer/V1.0//{}",
)
RANK = {
    "contextFeatures": [{"time": "morning"}],
    "actions": [{"id": "latte", "features": [{"hot": True}]}, {"id": "juice", "features": []}],
}


async def logged(storage: LoopStorage) -> tuple[list[Decision], list[Observation]]:
    """Everything in the log."""
    first = await storage.log.earliest()
    if first is None:
        return [], []
    start = Micros(first // BUCKET * BUCKET)
    end = Micros(start + 3 * 86_400 * SECOND)
    scan = storage.log.decisions(start, end)
    decisions = [row async for _, rows in scan for row in rows if isinstance(row, Decision)]
    observations = [row async for _, rows in storage.log.observations(start, end) for row in rows]
    return decisions, observations


def code(answer: httpx.Response) -> str:
    """The code of an error, whose shape is checked."""
    error = answer.json()["error"]
    assert set(error) <= {"code", "message", "target"}
    assert error["message"]
    assert answer.headers["x-ms-error-code"] == error["code"]
    assert answer.headers["content-type"].startswith("application/json")
    assert UUID(answer.headers["apim-request-id"])
    return str(error["code"])


@pytest.mark.parametrize("form", PATHS)
async def test_every_form_of_address_serves_rank_reward_and_configuration(
    form: str, client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    # WHEN an application ranks, rewards and looks at the configuration
    ranked = await client.post(form.format("rank"), headers=KEYS, json={**RANK, "eventId": "E 1"})
    rewarded = await client.post(
        form.format("events/E%201/reward"), headers=KEYS, json={"value": "0.5"}
    )
    configured = await client.get(form.format("configurations/service"), headers=KEYS)
    # THEN it is answered as in every other form, and the log holds what it said
    assert ranked.status_code == 201
    assert ranked.json()["eventId"] == "E 1"
    assert (rewarded.status_code, rewarded.content) == (204, b"")
    assert configured.status_code == 200
    assert configured.json()["rewardWaitTime"] == "PT10M"
    decisions, observations = await logged(storage)
    assert [decision.event_id for decision in decisions] == ["E 1"]
    assert [(o.event_id, o.value) for o in observations if isinstance(o, Reward)] == [("E 1", 0.5)]
    ids = {answer.headers["apim-request-id"] for answer in (ranked, rewarded, configured)}
    assert len({UUID(request_id) for request_id in ids}) == 3


@pytest.mark.parametrize(
    ("segment", "event_id"),
    [
        ("a%2Fb", "a/b"),
        ("a/b", "a/b"),
        ("100%25", "100%"),
        ("%E2%98%95", "☕"),
        ("AbC", "AbC"),
    ],
)
async def test_ids_reach_the_log_as_they_are_meant(
    segment: str, event_id: str, client: httpx.AsyncClient, storage: LoopStorage
) -> None:
    path = f"/personalizer/v1.0/events/{segment}"
    assert (await client.post(f"{path}/reward", headers=KEYS, json={"value": 1})).status_code == 204
    assert (await client.post(f"{path}/activate", headers=KEYS)).status_code == 204
    _, observations = await logged(storage)
    assert [getattr(o, "event_id", None) for o in observations] == [event_id] * 2


@pytest.mark.parametrize(
    "path",
    ["/personalizer/v1.0/status", "/personalizer/status?api-version=2022-09-01-preview", "/status"],
)
async def test_status_is_valid_json_without_an_error(path: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(path, headers={"ocp-APIM-subscription-key": "key-two"})
    assert answer.status_code == 200
    assert answer.json()["service"] == "Personalizer"
    assert answer.json()["apiStatus"] == "Valid"
    assert "error" not in answer.json()


@pytest.mark.parametrize("path", ["/personalizer/v1.0/status", "/status", "http://test//status"])
@pytest.mark.parametrize("headers", [{}, {"Ocp-Apim-Subscription-Key": "wrong-key"}])
async def test_without_a_valid_key_there_is_nothing(
    path: str, headers: dict[str, str], client: httpx.AsyncClient
) -> None:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 401
    assert code(answer) == "401"
    assert "Ocp-Apim-Subscription-Key" in answer.json()["error"]["message"]
    assert "wrong-key" not in answer.text
    assert "Ocp-Apim-Subscription-Key" in answer.headers["www-authenticate"]


async def test_the_loop_in_a_path_must_be_the_key_s(
    client: httpx.AsyncClient, loop_name: str, storage: LoopStorage
) -> None:
    # GIVEN a deployment with two loops
    path = f"/loops/{loop_name}/personalizer/v1.0/rank"
    # WHEN each one's key is used on the first one's path
    own = await client.post(path, headers=KEYS, json=RANK)
    other = await client.post(path, headers=OTHER_KEYS, json=RANK)
    elsewhere = await client.post("/personalizer/v1.0/rank", headers=OTHER_KEYS, json=RANK)
    # THEN only its own opens it, and without a path the key alone decides
    assert own.status_code == 201
    assert (other.status_code, code(other)) == (401, "401")
    assert elsewhere.status_code == 201
    assert len((await logged(storage))[0]) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/personalizer",
        "/rank",
        "/personalizer/v2.0/rank",
        "/personalizer/rank",
        "/personalizer/v1.0/none",
    ],
)
async def test_what_is_not_there_is_not_found(path: str, client: httpx.AsyncClient) -> None:
    answer = await client.post(path, headers=KEYS, json=RANK)
    assert (answer.status_code, code(answer)) == (404, "ResourceNotFound")


async def test_an_unknown_version_that_the_router_lets_in_is_not_found(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/personalizer/v1.1-preview.9/rank", headers=KEYS, json=RANK)
    assert (answer.status_code, code(answer)) == (404, "ResourceNotFound")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_a_wrong_method_is_told_the_right_ones(
    method: str, client: httpx.AsyncClient
) -> None:
    answer = await client.request(method, "/personalizer/v1.0/rank", headers=KEYS)
    assert (answer.status_code, code(answer)) == (405, "OperationNotAllowed")
    assert answer.headers["allow"] == "POST"


async def test_a_body_that_is_too_large_is_refused(serve: Serve) -> None:
    async with serve(Options(max_body_bytes=1_024)) as client:
        answer = await client.post("/personalizer/v1.0/rank", headers=KEYS, content=b" " * 1_025)
    assert (answer.status_code, code(answer)) == (413, "PayloadSizeExceeded")


async def test_bad_input_names_its_place(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/personalizer/v1.0/events/e1/reward", headers=KEYS, json={"value": None}
    )
    assert (answer.status_code, code(answer)) == (400, "InvalidRewardRequest")
    assert answer.json()["error"]["target"] == "value"


async def test_content_type_does_not_matter(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/personalizer/v1.0/events/e1/reward",
        headers={**KEYS, "Content-Type": "text/plain"},
        content=b'{"value": 1}',
    )
    assert answer.status_code == 204


async def test_pages_of_listed_origins_may_call(serve: Serve) -> None:
    async with serve(Options(cors_origins=frozenset({"https://shop.example"}))) as client:
        origin = {"Origin": "https://shop.example"}
        asks = {"Access-Control-Request-Method": "POST"}
        # WHEN a browser asks first, without a key
        asked = await client.options("/personalizer/v1.0/rank", headers={**origin, **asks})
        # THEN it is told what it may send
        assert asked.status_code == 204
        assert asked.headers["access-control-allow-origin"] == "https://shop.example"
        assert asked.headers["access-control-allow-methods"] == "POST"
        allowed = asked.headers["access-control-allow-headers"]
        assert "ocp-apim-subscription-key" in allowed
        assert "content-type" in allowed
        # AND answers and errors can be read by the page
        for path in ("/personalizer/v1.0/rank", "/personalizer/v1.0/none"):
            answer = await client.post(path, headers={**origin, **KEYS}, json=RANK)
            assert answer.headers["access-control-allow-origin"] == "https://shop.example"
            assert answer.headers["vary"] == "Origin"
        # AND other pages and other paths are not let in
        other = {"Origin": "https://evil.example"}
        refused = await client.options("/personalizer/v1.0/rank", headers={**other, **asks})
        assert refused.status_code == 405
        assert "access-control-allow-origin" not in refused.headers
        unknown = await client.options("/personalizer/v1.0/none", headers={**origin, **asks})
        assert unknown.status_code == 404


async def test_any_origin_may_call_where_all_are_let_in(serve: Serve) -> None:
    async with serve(Options(cors_origins=frozenset({"*"}))) as client:
        answer = await client.get("/status", headers={**KEYS, "Origin": "null"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "vary" not in answer.headers


async def test_no_origin_is_let_in_by_default(client: httpx.AsyncClient) -> None:
    answer = await client.get("/status", headers={**KEYS, "Origin": "https://shop.example"})
    assert "access-control-allow-origin" not in answer.headers


async def test_where_storage_is_gone_rank_answers_and_reward_says_when_to_retry(
    serve: Serve, options: StorageOptions
) -> None:
    # GIVEN storage that nobody listens at
    gone = replace(
        options,
        blob_endpoint="http://127.0.0.1:9/devstoreaccount1",
        table_endpoint="http://127.0.0.1:9/devstoreaccount1",
        timeouts=NOWHERE,
    )
    # AND a loop whose key is a setting
    settings = Options(trainer_grace=0.9, default_keys=(KEYS[KEY_HEADER],))
    async with serve(settings, gone) as client:
        # WHEN an application ranks and rewards
        ranked = await client.post("/personalizer/v1.0/rank", headers=KEYS, json=RANK)
        rewarded = await client.post(
            "/personalizer/v1.0/events/e1/reward", headers=KEYS, json={"value": 1}
        )
        configured = await client.get("/personalizer/v1.0/configurations/service", headers=KEYS)
        # AND one whose key is in the register calls
        unknown = await client.post("/personalizer/v1.0/rank", headers=OTHER_KEYS, json=RANK)
    # THEN the first has its answer, and both know when to try again
    assert ranked.status_code == 201
    assert [action["probability"] for action in ranked.json()["ranking"]] == [0.5, 0.5]
    for answer in (rewarded, configured, unknown):
        assert (answer.status_code, code(answer)) == (503, "RequestTimeout")
        assert int(answer.headers["retry-after"]) >= 1


async def test_strict_logging_answers_no_rank_that_is_not_kept(
    serve: Serve, options: StorageOptions
) -> None:
    gone = replace(options, table_endpoint="http://127.0.0.1:9/devstoreaccount1", timeouts=NOWHERE)
    async with serve(Options(strict_logging=True), gone) as client:
        answer = await client.post("/personalizer/v1.0/rank", headers=KEYS, json=RANK)
    assert (answer.status_code, code(answer)) == (503, "RequestTimeout")


async def test_a_defect_is_answered_without_its_inside_and_logged_without_the_request(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # GIVEN a defect whose text quotes the request
    feature = "likes " + "coffee"

    async def broken(*_: object) -> None:
        raise KeyError(feature)

    monkeypatch.setattr("reward.observe.Observer.reward", broken)
    # WHEN it is met
    with caplog.at_level(logging.ERROR):
        answer = await client.post(
            "/personalizer/v1.0/events/e1/reward", headers=KEYS, json={"value": 1}
        )
    # THEN the caller gets a request id to ask about, and the log leads to the place
    assert (answer.status_code, code(answer)) == (500, "InternalServerError")
    request_id = answer.headers["apim-request-id"]
    assert request_id in answer.json()["error"]["message"]
    assert request_id in caplog.text
    assert "test_service.py" in caplog.text
    assert "KeyError" in caplog.text
    assert "KeyError" not in answer.text
    assert feature not in answer.text + caplog.text


async def test_a_model_that_fails_on_a_call_costs_the_application_nothing(
    client: httpx.AsyncClient, storage: LoopStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a model that is served and can't score this call
    def failing(*_: object) -> None:
        raise ModelError("probabilities sum to nan")

    with Model(DEFAULT_ARGUMENTS) as model:
        data = model.save()
    await storage.blobs.write("models/m1.vw", data)
    published = PublishedModel(
        id="m1",
        blob="models/m1.vw",
        sha256=sha256(data).hexdigest(),
        arguments=DEFAULT_ARGUMENTS,
        created=Micros(0),
    )
    read = await storage.manifest.read()
    await storage.manifest.replace(Manifest(model=published), read)
    monkeypatch.setattr(Model, "decide", failing)
    # WHEN it is called
    ranked = await client.post("/personalizer/v1.0/rank", headers=KEYS, json=RANK)
    # THEN it answers as without a model, and logs just that
    assert [action["probability"] for action in ranked.json()["ranking"]] == [0.5, 0.5]
    [decision], _ = await logged(storage)
    assert (decision.probabilities, decision.model) == ((0.5, 0.5), "")


async def test_what_one_process_is_told_holds_there_at_once(client: httpx.AsyncClient) -> None:
    # GIVEN a process that has ranked with the loop's first configuration
    body = {**RANK, "actions": [{"id": str(i), "features": [{"f": i}]} for i in range(50)]}
    await client.post("/personalizer/v1.0/rank", headers=KEYS, json=body)
    # WHEN the learning mode is set
    path = "/personalizer/v1.0/configurations/service"
    configuration = (await client.get(path, headers=KEYS)).json()
    put = await client.put(path, headers=KEYS, json={**configuration, "learningMode": "Apprentice"})
    assert put.status_code == 200
    # THEN the next rank goes by it
    for _ in range(3):
        ranked = await client.post("/personalizer/v1.0/rank", headers=KEYS, json=body)
        assert ranked.json()["rewardActionId"] == "0"


async def test_management_answers(client: httpx.AsyncClient) -> None:
    base = "/personalizer/v1.0"
    policy = {"name": "mine", "arguments": " --cb_explore_adf --epsilon 0.2 --cb_type ips"}
    put = await client.put(f"{base}/configurations/policy", headers=KEYS, json=policy)
    assert (put.status_code, put.json()) == (200, policy)
    got = await client.get(f"{base}/configurations/policy", headers=KEYS)
    assert got.json() == policy
    reset = await client.delete(f"{base}/configurations/policy", headers=KEYS)
    assert reset.json()["arguments"].startswith("--cb_explore_adf --epsilon 0.2 --power_t 0")
    model = await client.get(f"{base}/model", headers=KEYS)
    assert (model.status_code, model.content) == (200, b"")
    assert model.headers["content-type"] == "application/octet-stream"
    properties = await client.get(f"{base}/model/properties", headers=KEYS)
    assert properties.json() == {
        "creationTime": "0001-01-01T00:00:00+00:00",
        "lastModifiedTime": "0001-01-01T00:00:00+00:00",
    }
    logs = await client.get(f"{base}/logs/properties", headers=KEYS)
    assert logs.json() == {"dateRange": {"from": None, "to": None}}
    assert (await client.delete(f"{base}/model", headers=KEYS)).status_code == 204
    assert (await client.delete(f"{base}/logs", headers=KEYS)).status_code == 204
