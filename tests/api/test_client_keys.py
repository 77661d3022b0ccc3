"""Keys over HTTP: each opens its own loop, and a client key little of it, however it is asked."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from api.keys import KEY_HEADER
from api.operations import OPERATIONS, Operation
from api.options import Options
from api.routing import PATH_VERSIONS, QUERY_VERSION
from storage.factory import LoopStorage
from tests.api.conftest import CLIENT_KEYS, KEYS, OTHER_KEYS, Serve
from tests.api.test_isolation import snapshot
from tests.api.test_service import RANK, code

OPEN = {
    "rank",
    "reward",
    "activate",
    "multi_slot_rank",
    "multi_slot_reward",
    "multi_slot_activate",
}


def forms(operation: Operation, loop: str | None = None) -> Iterator[str]:
    """Every address that an operation has, under the name of a loop if one is given."""
    root = "" if loop is None else f"/loops/{loop}"
    path = operation.template.replace("{eventId}", "e1").replace("{modelId}", "m1")
    path = path.replace("{evaluationId}", "v1").replace("{featureImportanceId}", "f1")
    for version in PATH_VERSIONS:
        yield f"{root}/personalizer/{version}/{path}"
    yield f"{root}/personalizer/{path}?api-version={QUERY_VERSION}"
    yield f"http://test/{root}//Personalizer/V1.0//{path}/"
    yield f"{root.upper()}/personalizer/v1.0/{path}"
    if operation.name == "status":
        yield f"{root}/status"


def all_forms(operation: Operation, loop: str) -> Iterator[str]:
    """With and without the name of the loop."""
    yield from forms(operation)
    yield from forms(operation, loop)


def test_the_table_says_what_client_keys_open() -> None:
    assert {operation.name for operation in OPERATIONS if operation.for_clients} == OPEN


async def test_a_client_key_opens_what_the_table_says_and_nothing_else(
    client: httpx.AsyncClient, loop_name: str, storage: LoopStorage
) -> None:
    before = await snapshot(storage)
    # WHEN a client key is shown for everything that it is not for, in each form of address
    for operation in OPERATIONS:
        for form in () if operation.for_clients else all_forms(operation, loop_name):
            answer = await client.request(operation.method, form, headers=CLIENT_KEYS, json={})
            # THEN it is refused, clearly
            assert (answer.status_code, code(answer)) == (403, "PermissionDenied"), form
            assert "client key" in answer.json()["error"]["message"]
            assert "www-authenticate" not in answer.headers
    assert await snapshot(storage) == before
    # AND what it is for is open in each form; as nothing is asked for, that may be refused
    for operation in OPERATIONS:
        for form in all_forms(operation, loop_name) if operation.for_clients else ():
            answer = await client.request(operation.method, form, headers=CLIENT_KEYS, json={})
            assert answer.status_code in (204, 400), form


async def test_a_client_key_ranks_rewards_and_activates(client: httpx.AsyncClient) -> None:
    base = "/personalizer/v1.0"
    ranked = await client.post(
        f"{base}/rank",
        headers=CLIENT_KEYS,
        json={**RANK, "eventId": "e1", "deferActivation": True},
    )
    activated = await client.post(f"{base}/events/e1/activate", headers=CLIENT_KEYS)
    rewarded = await client.post(
        f"{base}/events/e1/reward", headers=CLIENT_KEYS, json={"value": 1.0}
    )
    assert [a.status_code for a in (ranked, activated, rewarded)] == [201, 204, 204]


async def test_no_key_opens_another_loop(
    client: httpx.AsyncClient, loop_name: str, storage: LoopStorage
) -> None:
    before = await snapshot(storage)
    # WHEN another loop's key is shown for a loop in each form that names it, and the other way
    pairs = [(loop_name, OTHER_KEYS)]
    for name in (f"{loop_name}b", "default", "nowhere"):
        pairs += [(name, KEYS), (name, CLIENT_KEYS)]
    for name, keys in pairs:
        for operation in OPERATIONS:
            for form in forms(operation, name):
                answer = await client.request(operation.method, form, headers=keys, json={})
                # THEN it is refused, whether or not there is such a loop
                assert (answer.status_code, code(answer)) == (401, "401"), form
    assert await snapshot(storage) == before


async def test_a_page_of_a_listed_origin_calls_with_a_client_key(serve: Serve) -> None:
    async with serve(Options(cors_origins=frozenset({"https://shop.example"}))) as client:
        origin = {"Origin": "https://shop.example"}
        # WHEN its browser asks first, which it does without a key
        asked = await client.options(
            "/personalizer/v1.0/rank",
            headers={
                **origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": KEY_HEADER.lower(),
            },
        )
        assert asked.status_code == 204
        assert KEY_HEADER.lower() in asked.headers["access-control-allow-headers"]
        # THEN it may call, and can read a refusal as well
        ranked = await client.post(
            "/personalizer/v1.0/rank", headers={**origin, **CLIENT_KEYS}, json=RANK
        )
        refused = await client.get("/status", headers={**origin, **CLIENT_KEYS})
    assert (ranked.status_code, refused.status_code) == (201, 403)
    for answer in (ranked, refused):
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"


async def test_the_settings_client_key_opens_default(serve: Serve) -> None:
    settings = Options(default_keys=("set",), default_client_keys=("set-client",))
    async with serve(settings) as client:
        keys = {KEY_HEADER: "set-client"}
        ranked = await client.post("/personalizer/v1.0/rank", headers=keys, json=RANK)
        refused = await client.get("/status", headers=keys)
    assert (ranked.status_code, refused.status_code) == (201, 403)
