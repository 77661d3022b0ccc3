"""Calls with a bearer token: over HTTP, and by the retired service's own client."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest
import uvicorn
from azure.ai.personalizer._patch import PersonalizerAdministrationClient, PersonalizerClient
from azure.ai.personalizer.aio._patch import PersonalizerClient as AsyncPersonalizerClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from api.entra_options import EntraOptions
from api.keys import KEY_HEADER
from api.options import Options
from local.host import Host
from loop.events import Reward
from storage.factory import LoopStorage, Storage
from storage.options import StorageOptions
from tests.api.conftest import KEYS, OTHER_KEYS, Serve, hosted, register_loops
from tests.api.test_service import RANK, code, logged
from tests.issuer import AUDIENCE, OBJECT, TENANT, Issuer, claims_of_v1, private_key, signed

URL = "/personalizer/v1.0/rank"
STRANGER = "bbbbbbbb-0000-0000-0000-00000000000f"


def bearer(token: str) -> dict[str, str]:
    """The header that a token goes in."""
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """One of each test's own."""
    with Issuer() as issuer:
        yield issuer


def allowing(issuer: Issuer, *loops: str, rate_limit: float | None = None) -> Options:
    """Settings by which ``OBJECT`` may call these loops."""
    principals = tuple((OBJECT, loop) for loop in loops)
    entra = EntraOptions(TENANT, principals, authority=issuer.authority)
    return Options(entra=entra, rate_limit=rate_limit)


async def test_a_principal_calls_its_loops_without_a_key(
    serve: Serve, issuer: Issuer, loop_name: str, storage: LoopStorage
) -> None:
    token = bearer(signed(claims_of_v1()))
    async with serve(allowing(issuer, loop_name, f"{loop_name}b")) as client:
        # WHEN no path is named THEN the first of them is called
        assert (await client.post(URL, headers=token, json=RANK)).status_code == 201
        assert len((await logged(storage))[0]) == 1
        # AND else the one that is named, with all of its operations
        for path in (URL, "/personalizer/rank?api-version=2022-09-01-preview"):
            named = await client.post(f"/loops/{loop_name}b{path}", headers=token, json=RANK)
            assert named.status_code == 201
        assert (await client.get(f"/loops/{loop_name}b/status", headers=token)).status_code == 200
        configured = await client.get("/personalizer/v1.0/configurations/service", headers=token)
        assert configured.status_code == 200
        # AND no other
        refused = await client.post(f"/loops/default{URL}", headers=token, json=RANK)
        assert (refused.status_code, code(refused)) == (403, "PermissionDenied")
    assert len((await logged(storage))[0]) == 1


async def test_without_key_and_token_both_are_asked_for(serve: Serve, issuer: Issuer) -> None:
    async with serve(allowing(issuer, "default")) as client:
        for headers in ({}, {"Authorization": "Basic eDp5"}, {KEY_HEADER: "wrong"}):
            answer = await client.get("/status", headers=headers)
            assert (answer.status_code, code(answer)) == (401, "401")
            challenge = answer.headers["www-authenticate"]
            assert challenge.startswith('Bearer realm="personalizer", AzureApiManagementKey ')
            assert KEY_HEADER in challenge
            assert KEY_HEADER in answer.json()["error"]["message"]


async def test_a_bad_token_is_answered_with_the_reason_and_without_an_echo(
    serve: Serve, issuer: Issuer
) -> None:
    async with serve(allowing(issuer, "default")) as client:
        for claims, reason in (
            (claims_of_v1(exp=1), "has expired"),
            (claims_of_v1(aud="https://storage.azure.com"), "is for another audience"),
            (claims_of_v1(iss="https://evil.example"), "is of another issuer"),
        ):
            token = signed(claims)
            answer = await client.get("/status", headers=bearer(token))
            assert (answer.status_code, code(answer)) == (401, "401")
            message = f"The bearer token {reason}."
            assert answer.json()["error"]["message"] == message
            challenge = answer.headers["www-authenticate"]
            detail = f'error="invalid_token", error_description="{message}"'
            assert challenge.startswith(f'Bearer realm="personalizer", {detail}, ')
            assert token.split(".")[1] not in answer.text + challenge
        stranger = await client.get("/status", headers=bearer(signed(claims_of_v1(oid=STRANGER))))
        assert (stranger.status_code, code(stranger)) == (403, "PermissionDenied")
        assert "www-authenticate" not in stranger.headers


async def test_a_key_stands_over_a_token(
    serve: Serve, issuer: Issuer, loop_name: str, storage: LoopStorage
) -> None:
    good, bad = signed(claims_of_v1()), signed(claims_of_v1(exp=1))
    async with serve(allowing(issuer, loop_name)) as client:
        # WHEN both are shown THEN the key decides: the loop, and whether the call is let in
        for token in (good, bad):
            answer = await client.post(URL, headers={**OTHER_KEYS, **bearer(token)}, json=RANK)
            assert answer.status_code == 201
        answer = await client.get("/status", headers={KEY_HEADER: "wrong", **bearer(good)})
        assert answer.status_code == 401
        # AND an empty one is none
        answer = await client.get("/status", headers={KEY_HEADER: "", **bearer(good)})
        assert answer.status_code == 200
    assert (await logged(storage))[0] == []
    assert "keys" in issuer.asked[0]


async def test_where_entra_is_off_no_token_is_taken(
    client: httpx.AsyncClient, issuer: Issuer
) -> None:
    answer = await client.get("/status", headers=bearer(signed(claims_of_v1())))
    assert (answer.status_code, code(answer)) == (401, "401")
    assert "Bearer" not in answer.headers["www-authenticate"]
    assert issuer.asked == []


async def test_what_a_platform_says_of_the_caller_is_not_believed(
    serve: Serve, issuer: Issuer
) -> None:
    # GIVEN the headers that the platform's own authentication would put before the app
    principal = {"auth_typ": "aad", "claims": [{"typ": "oid", "val": OBJECT}], "oid": OBJECT}
    said = {
        "X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(principal).encode()).decode(),
        "X-MS-CLIENT-PRINCIPAL-ID": OBJECT,
        "X-MS-CLIENT-PRINCIPAL-NAME": "owner@example.com",
        "X-MS-CLIENT-PRINCIPAL-IDP": "aad",
        "X-MS-TOKEN-AAD-ACCESS-TOKEN": signed(claims_of_v1()),
        "X-MS-TOKEN-AAD-ID-TOKEN": signed(claims_of_v1()),
    }
    async with serve(allowing(issuer, "default")) as client:
        # WHEN somebody sends them THEN they open nothing, and add nothing to a token
        assert (await client.get("/status", headers=said)).status_code == 401
        stranger = bearer(signed(claims_of_v1(oid=STRANGER)))
        assert (await client.get("/status", headers={**said, **stranger})).status_code == 403


async def test_while_the_issuer_is_away_a_token_may_come_again_and_keys_go_on(
    serve: Serve, issuer: Issuer
) -> None:
    issuer.status = 500
    async with serve(allowing(issuer, "default")) as client:
        answer = await client.get("/status", headers=bearer(signed(claims_of_v1())))
        assert (answer.status_code, code(answer)) == (503, "RequestTimeout")
        assert int(answer.headers["retry-after"]) >= 1
        assert (await client.get("/status", headers=KEYS)).status_code == 200


async def test_a_loop_that_nobody_has_made_is_not_made_by_a_token(
    serve: Serve, issuer: Issuer, opened: Storage, options: StorageOptions, loop_name: str
) -> None:
    # GIVEN a principal that is listed with a loop that is not in the register
    token, missing = bearer(signed(claims_of_v1())), f"{loop_name}c"
    async with serve(allowing(issuer, missing)) as client:
        # WHEN it calls THEN it is told what to do, and no rank goes where nobody learns from it
        answer = await client.post(URL, headers=token, json=RANK)
        assert (answer.status_code, code(answer)) == (404, "ResourceNotFound")
        assert f"loops add {missing}" in answer.json()["error"]["message"]
        assert await opened.loop(missing).log.earliest() is None
    # WHEN the loop is made THEN it may call
    await register_loops(opened, {missing: ("a", "b")})
    async with serve(allowing(issuer, missing)) as client:
        assert (await client.post(URL, headers=token, json=RANK)).status_code == 201


async def test_a_principal_has_a_rate_limit_of_its_own(serve: Serve, issuer: Issuer) -> None:
    async with serve(allowing(issuer, "default", rate_limit=0.01)) as client:
        first, second = (bearer(signed(claims_of_v1(uti=name))) for name in "ab")
        assert (await client.get("/status", headers=first)).status_code == 200
        refused = await client.get("/status", headers=second)
        assert (refused.status_code, code(refused)) == (429, "429")
        assert (await client.get("/status", headers=KEYS)).status_code == 200


async def test_guessed_tokens_lock_nobody_out(serve: Serve, issuer: Issuer) -> None:
    async with serve(allowing(issuer, "default")) as client:
        good = bearer(signed(claims_of_v1()))
        assert (await client.get("/status", headers=good)).status_code == 200
        theirs = private_key("theirs")
        forged = [signed(claims_of_v1(), f"k{n}", theirs) for n in range(50)]
        calls = (client.get("/status", headers=bearer(token)) for token in forged)
        assert {answer.status_code for answer in await asyncio.gather(*calls)} == {401}
        assert (await client.get("/status", headers=good)).status_code == 200
    assert issuer.fetches == 1


# By the client itself


class Credential:
    """What hands a client its tokens, as those of azure-identity do.

    Attributes:
        asked: The scopes that tokens were asked for.
    """

    def __init__(self, oid: str = OBJECT) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._oid = oid

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **keywords: object,
    ) -> AccessToken:
        """A token of the test's issuer, for the scope's address."""
        self.asked.append(scopes)
        audience = scopes[0].removesuffix("/.default")
        token = signed(claims_of_v1(aud=audience, oid=self._oid))
        return AccessToken(token, int(time.time()) + 3600)


class AsyncCredential:
    """The same for an async client."""

    def __init__(self) -> None:
        self._credential = Credential()

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **keywords: object,
    ) -> AccessToken:
        """A token of the test's issuer."""
        return self._credential.get_token(*scopes)

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> AsyncCredential:
        return self

    async def __aexit__(self, *error: object) -> None:
        """Nothing is open."""


@asynccontextmanager
async def listening(host: Host) -> AsyncIterator[str]:
    """A service that answers on a port, until the block is left; gives its endpoint."""
    config = uvicorn.Config(host, port=0, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        assert not serving.done()
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


# Over TLS it does so by itself; it refuses to show a token to anybody else unless it is told.
INSECURE = {"enforce_https": False}


async def test_the_client_of_the_2022_preview_calls_with_a_credential(
    serve: Serve, issuer: Issuer, options: StorageOptions, loop_name: str, storage: LoopStorage
) -> None:
    body = {**RANK, "eventId": uuid4().hex}
    credential = Credential()

    def call(endpoint: str) -> None:
        with (
            PersonalizerClient(endpoint, credential) as decide,
            PersonalizerAdministrationClient(endpoint, credential) as manage,
        ):
            ranked = decide.rank(body, **INSECURE)
            assert ranked["rewardActionId"] in {"latte", "juice"}
            decide.reward(ranked["eventId"], {"value": 1.0}, **INSECURE)
            assert manage.get_service_configuration(**INSECURE)["rewardWaitTime"] == "PT10M"

    async with (
        hosted(allowing(issuer, loop_name), options) as host,
        listening(host) as endpoint,
    ):
        await asyncio.to_thread(call, endpoint)
    # THEN what it said is in the log, and it has asked for what is taken by default
    decisions, observations = await logged(storage)
    assert [decision.event_id for decision in decisions] == [body["eventId"]]
    assert [o.value for o in observations if isinstance(o, Reward)] == [1.0]
    assert set(credential.asked) == {(f"{AUDIENCE}/.default",)}


async def test_the_async_client_calls_with_a_credential(
    serve: Serve, issuer: Issuer, options: StorageOptions, loop_name: str, storage: LoopStorage
) -> None:
    async with (
        hosted(allowing(issuer, loop_name), options) as host,
        listening(host) as endpoint,
        AsyncPersonalizerClient(endpoint, AsyncCredential()) as decide,
    ):
        ranked = await decide.rank({**RANK, "eventId": "e1"}, **INSECURE)
        await decide.reward(ranked["eventId"], {"value": 1.0}, **INSECURE)
    assert [decision.event_id for decision in (await logged(storage))[0]] == ["e1"]


async def test_the_client_understands_a_refusal(
    serve: Serve, issuer: Issuer, options: StorageOptions, loop_name: str
) -> None:
    def call(endpoint: str, credential: Credential) -> HttpResponseError:
        with (
            PersonalizerClient(endpoint, credential) as decide,
            pytest.raises(HttpResponseError) as error,
        ):
            decide.rank(RANK, **INSECURE)
        return error.value

    async with (
        hosted(allowing(issuer, loop_name), options) as host,
        listening(host) as endpoint,
    ):
        stranger = await asyncio.to_thread(call, endpoint, Credential(STRANGER))
        issuer.publish("two")
        assert stranger.error is not None
        assert (stranger.status_code, stranger.error.code) == (403, "PermissionDenied")
    async with (
        hosted(allowing(issuer, loop_name), options) as host,
        listening(host) as endpoint,
    ):
        forged = await asyncio.to_thread(call, endpoint, Credential())
    assert isinstance(forged, ClientAuthenticationError)
    assert forged.status_code == 401
    assert "not published" in str(forged)
