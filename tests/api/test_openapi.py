"""The API's document: held against what is registered, and against real answers."""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import cast

import httpx
import orjson
import pytest
import schemathesis
from azure.functions import AuthLevel, FunctionApp
from azure.functions.decorators.http import HttpTrigger
from pydantic import BaseModel
from schemathesis.core.failures import Failure
from schemathesis.specs.openapi.schemas import OpenApiSchema

from api.calls import Call, Reply
from api.description import Description
from api.documentation import DESCRIPTIONS, PATH_PARAMETERS
from api.openapi import Undocumented, openapi
from api.operations import OPERATIONS, Operation
from api.options import Options
from api.pages import PAGES
from api.probes import PROBES
from api.registration import register
from api.responses import status_of_kind
from api.routing import CATCH_ALL, QUERY_VERSION, function_routes
from api.schemas import SCHEMAS
from api.service import Service
from api.training import train_every_loop
from evaluation.contracts import EvaluationContract
from evaluation.contracts import _Policy as CustomPolicy
from evaluation.importances import FeatureImportanceContract
from evaluation.jobs import Result, Source
from loop import errors
from loop.configuration import ServiceConfiguration
from loop.configuration import _Body as ServiceConfigurationUpdate
from loop.features import JsonObject, JsonValue
from management.policy import _Body as PolicyPut
from management.staged_models import _Metadata as StagedModelUpdate
from rank.multi_slot_request import MultiSlotRankRequest, RankSlot
from rank.request import RankAction, RankRequest
from reward.observe import MultiSlotRewardRequest, RewardRequest
from storage.factory import LoopStorage
from storage.options import StorageOptions
from tests.api.conftest import KEYS, OTHER_KEYS, put_multi_slot
from tests.api.test_evaluations import keep
from tests.api.test_training import past_events
from tests.batches import interactions, observations
from tests.evaluation.results import MONDAY, evaluation, judged

DOCUMENT = openapi(OPERATIONS, DESCRIPTIONS)
PATHS = cast("Mapping[str, Mapping[str, JsonObject]]", DOCUMENT["paths"])
ACTIONS: JsonValue = [{"id": 1, "features": [{"a": "b"}]}, {"id": "tea", "features": []}]
SLOTS: JsonValue = [{"id": "top", "baselineAction": "1"}, {"id": "side", "baselineAction": "tea"}]
CONFIGURATION: JsonObject = {
    **orjson.loads(ServiceConfiguration().to_json()),
    "isInferenceExplainabilityEnabled": True,
}
EVALUATION = orjson.dumps(
    {
        "name": "all",
        "startTime": "2020-01-01",
        "endTime": "2100-01-01T00:00:00Z",
        "enablePolicyOptimization": True,
        "policies": [{"name": "mine", "arguments": "--cb_explore_adf"}],
    }
)
BODIES = {
    "put_configuration": orjson.dumps(CONFIGURATION),
    "rank": orjson.dumps({"actions": ACTIONS}),
    "reward": b'{"value": "1.0"}',
    "multi_slot_rank": orjson.dumps({"actions": ACTIONS, "slots": SLOTS}),
    "multi_slot_reward": b'{"reward": [{"slotId": "top", "value": 1}]}',
    "log_interactions": interactions("e1"),
    "log_observations": observations(e1=1.0),
    "describe_staged_model": b'{"userDescription": "mine"}',
    "put_policy": b'{"name": "mine", "arguments": "--cb_explore_adf"}',
    "create_evaluation": EVALUATION,
    "put_evaluation": EVALUATION,
    "put_feature_importance": EVALUATION,
    "apply_from_evaluation": b'{"evaluationId": "e1", "policyName": "mine"}',
}
"""What makes them succeed; the others need none."""

LAST = ("reset_policy", "reset_model", "delete_logs")

MULTI_SLOT_POLICY: JsonObject = {"name": "slots", "arguments": "--ccb_explore_adf -q ::"}


# What is registered


def test_it_describes_what_is_registered_and_nothing_else(options: StorageOptions) -> None:
    app = FunctionApp(http_auth_level=AuthLevel.ANONYMOUS)
    register(app, Service(Options(), options))
    registered = {}
    for function in app.get_functions():
        trigger = function.get_trigger()
        assert isinstance(trigger, HttpTrigger)
        methods = [] if trigger.methods is None else [method.value for method in trigger.methods]
        path = re.sub(r"\{version:.*\)\}", "{version}", f"/{trigger.route}")
        registered[function.get_function_name()] = (path, methods)
    probes = {probe.name for probe in PROBES}
    for name in (CATCH_ALL[0], *({page.name for page in PAGES} - probes)):
        del registered[name]
    # Of a probe, HEAD is what GET is without a body.
    for name in probes:
        path, methods = registered[name]
        assert methods == ["GET", "HEAD"]
        registered[name] = (path, ["GET"])
    described = {
        entry["operationId"]: (path, [method.upper()])
        for path, methods in PATHS.items()
        for method, entry in methods.items()
    }
    assert described == registered


def test_an_operation_without_a_description_is_named() -> None:
    async def brew(_: Call) -> Reply:
        """Brew."""
        return Reply()

    row = replace(OPERATIONS[0], name="brew", template="brew", handler=brew)
    with pytest.raises(Undocumented, match=r"'brew' \(POST brew\) has no description"):
        openapi((*OPERATIONS, row), DESCRIPTIONS)


def test_a_path_parameter_without_a_description_is_named() -> None:
    row = replace(OPERATIONS[0], name="brew", template="pots/{potId}")
    with pytest.raises(Undocumented, match=r"\{potId\} in its path"):
        openapi((*OPERATIONS, row), {**DESCRIPTIONS, "brew": Description("Decide")})


def test_a_description_without_an_operation_is_named() -> None:
    with pytest.raises(Undocumented, match="'rank', which is no operation"):
        openapi(OPERATIONS[1:], DESCRIPTIONS)


def test_it_is_a_valid_document() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_every_reference_leads_somewhere_and_every_shape_is_referred_to() -> None:
    text = orjson.dumps(DOCUMENT).decode()
    components = cast("dict[str, JsonObject]", DOCUMENT["components"])
    for kind in ("schemas", "responses", "headers"):
        referred = set(re.findall(rf'"#/components/{kind}/(\w+)"', text))
        assert referred == set(components[kind])
    assert set(re.findall(r"\{(\w+)\}", "".join(PATHS))) == {"version", *PATH_PARAMETERS}


def test_it_says_which_operations_client_keys_open() -> None:
    by_id = {entry["operationId"]: entry for each in PATHS.values() for entry in each.values()}
    for operation in OPERATIONS:
        for operation_id in (name for name, _ in function_routes(operation)):
            entry = by_id[operation_id]
            security = cast("list[JsonObject]", entry.get("security", DOCUMENT["security"]))
            opened = {name for each in security for name in each}
            assert {"key", "token"} <= opened
            assert ("clientKey" in opened) is operation.for_clients
            said = "Client keys open this." in str(entry.get("description", ""))
            assert said is operation.for_clients
    components = cast("dict[str, JsonObject]", DOCUMENT["components"])
    assert set(components["securitySchemes"]) == {"key", "clientKey", "token"}


def test_every_error_of_the_tree_is_somewhere() -> None:
    """But for a wrong method, which is no operation's."""
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, errors.PersonalizerError)
        and kind not in (errors.PersonalizerError, errors.InvalidInput)
    ]
    text = orjson.dumps(DOCUMENT).decode()
    missing = [kind.code for kind in kinds if f'"{kind.code}"' not in text]
    assert missing == []
    assert all(status_of_kind(kind) >= 400 for kind in kinds)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("RankRequest", RankRequest),
        ("RankableAction", RankAction),
        ("MultiSlotRankRequest", MultiSlotRankRequest),
        ("RankableSlot", RankSlot),
        ("RewardRequest", RewardRequest),
        ("MultiSlotRewardRequest", MultiSlotRewardRequest),
        ("StagedModelUpdate", StagedModelUpdate),
        ("ServiceConfigurationUpdate", ServiceConfigurationUpdate),
        ("Policy", PolicyPut),
        ("EvaluationContract", EvaluationContract),
        ("CustomPolicy", CustomPolicy),
        ("FeatureImportanceContract", FeatureImportanceContract),
    ],
)
def test_requests_have_the_members_that_are_read(name: str, model: type[BaseModel]) -> None:
    read = model.model_json_schema()
    described = SCHEMAS[name]
    assert set(cast(JsonObject, described["properties"])) == set(read["properties"])
    assert set(cast("list[str]", described.get("required", []))) == set(read.get("required", []))


# What is answered


@functools.cache
def strict_schema() -> OpenApiSchema:
    """The document, with members of answers that it does not name forbidden."""
    document = copy.deepcopy(DOCUMENT)
    components = cast(JsonObject, document["components"])
    for schema in cast("dict[str, JsonObject]", components["schemas"]).values():
        for part in (schema, *cast("dict[str, JsonObject]", schema.get("properties", {})).values()):
            if "properties" in part:
                part["additionalProperties"] = False
    return schemathesis.openapi.from_dict(document)


def assert_described(operation_id: str, answer: httpx.Response) -> None:
    """An operation may give this answer."""
    operation = strict_schema().find_operation_by_id(operation_id)
    assert str(answer.status_code) in operation.definition.raw["responses"]
    operation.validate_response(answer)


async def test_real_answers_are_as_described(
    client: httpx.AsyncClient, storage: LoopStorage, options: StorageOptions
) -> None:
    # GIVEN a loop that has learned, and has three models; and one that is multi-slot
    await past_events(storage, 200)
    await train_every_loop(Options(trainer_grace=2.0), options)
    base = "/personalizer/v1.0"
    signed = (await client.get(f"{base}/model?signed=true", headers=KEYS)).content
    for _ in range(2):
        await client.put(f"{base}/model", headers=KEYS, content=signed)
    staged = (await client.get(f"{base}/staged-model", headers=KEYS)).json()
    newest, *older = [model["modelId"] for model in staged]
    await evaluate(storage)
    await put_multi_slot(client, OTHER_KEYS, MULTI_SLOT_POLICY)
    # WHEN each operation is called in both forms of address
    seen: dict[str, bytes] = {}
    for operation in sorted(OPERATIONS, key=in_turn):
        for path, operation_id in addresses(operation):
            ids = {
                "eventId": "e1",
                "modelId": older.pop() if operation.name == "delete_staged_model" else newest,
                # What is put is what is deleted.
                "evaluationId": "e1" if operation.method == "GET" else path[13:17],
                "featureImportanceId": path[13:17],
            }
            answer = await client.request(
                operation.method,
                with_ids(path, ids),
                headers=OTHER_KEYS if operation.name.startswith("multi_slot") else KEYS,
                content=signed if operation.name == "put_model" else BODIES.get(operation.name),
            )
            # THEN it succeeds, and answers as the document says
            assert answer.status_code == operation.status, (path, answer.text)
            assert_described(operation_id, answer)
            seen[operation.name] = answer.content
    assert b'"inferenceExplanation":[{' in seen["rank"]
    assert b'"timeseries":{"data":[{' in seen["get_evaluation"]
    assert b'"best":{' in seen["view_evaluations"] and b'"overTime":{' in seen["view_evaluation"]


def with_ids(path: str, ids: Mapping[str, str]) -> str:
    """A path with its parameters filled in."""
    return re.sub(r"\{(\w+)\}", lambda parameter: ids[parameter[1]], path)


async def evaluate(storage: LoopStorage) -> None:
    """Write down an evaluation that is done, one of whose policies has the model that serves."""
    model = (await storage.manifest.read()).value.model
    mine = judged("mine", Source.CUSTOM, "--cb_explore_adf", only=[(1, 1, 1.0), (2, 0, 0.0)])
    result = Result(
        policies=(mine.model_copy(update={"model": model}),), feature_importance=(("a",),)
    )
    done = evaluation(result, id="e1", reach=MONDAY, optimal_policy="mine")
    await keep(storage, done, result)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"name":"mine","arguments":"--cb_explore_adf","colour":"red"}'),
        (200, b'{"name":"mine"}'),
        (202, b'{"name":"mine","arguments":"--cb_explore_adf"}'),
        (400, b'{"error":{"code":"InvalidRankRequest","message":"m"}}'),
    ],
)
def test_what_is_not_described_is_found(status: int, body: bytes) -> None:
    """So that the tests below say something."""
    answer = httpx.Response(
        status,
        headers={
            "Content-Type": "application/json",
            "apim-request-id": "f5a1b2c3-0000-4000-8000-000000000000",
            "x-ms-error-code": "InvalidRankRequest",
        },
        content=body,
        request=httpx.Request("PUT", "http://test"),
    )
    answer.elapsed = timedelta(0)
    with pytest.raises((Failure, AssertionError)):
        assert_described("put_policy", answer)


def in_turn(operation: Operation) -> int:
    """First what the others' answers depend on, last what takes away what they answer with."""
    return {"put_configuration": -1, **dict.fromkeys(LAST, 1)}.get(operation.name, 0)


def addresses(operation: Operation) -> list[tuple[str, str]]:
    """Both of an operation's, each with its id in the document."""
    return [
        (f"/personalizer/v1.1-preview.2/{operation.template}", operation.name),
        (
            f"/personalizer/{operation.template}?api-version={QUERY_VERSION}",
            f"{operation.name}_2022",
        ),
    ]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
async def test_refusals_are_as_described(operation: Operation, client: httpx.AsyncClient) -> None:
    for path, operation_id in addresses(operation):
        path = path.replace("{eventId}", "e" * 300)
        path = re.sub(r"\{\w+\}", "none", path)
        refusals = [
            await client.request(operation.method, path),
            await client.request(operation.method, path.replace("preview", "none"), headers=KEYS),
        ]
        for answer in refusals:
            assert_described(operation_id, answer)
        assert [answer.status_code for answer in refusals] == [401, 404]
        if operation.method in ("POST", "PUT"):
            answer = await client.request(
                operation.method, path, headers=KEYS, content=b"[nonsense"
            )
            assert answer.status_code in (400, 404)
            assert_described(operation_id, answer)
