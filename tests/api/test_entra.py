"""Tokens: what one must be to be believed, on keys that an issuer publishes over HTTP."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from api import entra as tokens
from api import entra_keys
from api.entra import LEEWAY, LONGEST_TOKEN, Entra, bearer_token
from api.entra_keys import AWAY_SECONDS, REFRESH_SECONDS, UNKNOWN_SECONDS, PublishedKeys
from api.entra_options import DEFAULT_AUDIENCES, EntraOptions
from loop.errors import InvalidToken, IssuerUnavailable, PermissionDenied
from tests.issuer import (
    APPLICATION,
    AUDIENCE,
    OBJECT,
    OTHER_TENANT,
    TENANT,
    Issuer,
    claims_of_v1,
    private_key,
    published,
    signed,
)

OTHER_OBJECT = "bbbbbbbb-0000-0000-0000-000000000002"
OTHER_APPLICATION = "cccccccc-0000-0000-0000-000000000002"


@dataclass
class Clock:
    """Seconds that pass only when told."""

    time: float

    def __call__(self) -> float:
        return self.time


class Door:
    """An ``Entra`` of one process, whose clocks are the test's.

    Attributes:
        clock: What keys are fetched by.
        now: What tokens expire by: it starts where the claims of this test do.
    """

    def __init__(self, issuer: Issuer, *principals: tuple[str, str]) -> None:
        options = EntraOptions(
            TENANT, principals or ((OBJECT, "default"),), authority=issuer.authority
        )
        self.issuer = issuer
        self.clock = Clock(100.0)
        claim = claims_of_v1()["iat"]
        assert isinstance(claim, int)
        self.now = Clock(claim)
        self._entra = Entra(options, PublishedKeys(options.key_urls, self.clock), self.now)

    async def open(self, token: str, addressed: str | None = None) -> str:
        """The loop that a token opens."""
        caller = await self._entra.caller(token, addressed)
        assert not caller.limited
        return caller.loop

    async def identity(self, token: str) -> bytes:
        """By what the calls with a token are counted."""
        return (await self._entra.caller(token, None)).identity

    async def refused(self, token: str) -> str:
        """Why a token proves nothing."""
        with pytest.raises(InvalidToken) as error:
            await self._entra.caller(token, None)
        assert error.value.code == "401"
        for part in filter(None, token.split(".")):
            assert part not in error.value.message
        return error.value.message

    async def close(self) -> None:
        """Let go of the issuer."""
        await self._entra.close()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """One of each test's own."""
    with Issuer() as issuer:
        yield issuer


@pytest.fixture
async def door(issuer: Issuer) -> AsyncIterator[Door]:
    """One that lets ``OBJECT`` in."""
    door = Door(issuer)
    yield door
    await door.close()


# What is believed


@pytest.mark.parametrize("audience", [*DEFAULT_AUDIENCES, f"{AUDIENCE}/"])
async def test_a_valid_token_of_either_version_opens_the_loop(audience: str, door: Door) -> None:
    for claims in (claims_of_v1(aud=audience), door.issuer.claims_of_v2(aud=audience)):
        assert await door.open(signed(claims)) == "default"
    assert await door.open(signed(claims_of_v1(aud=["https://other.example", audience])))
    assert await door.open(signed(claims_of_v1(), typ="at+jwt", nonce="more"))


async def test_an_application_is_let_in_by_its_own_id_and_its_users_are_not(issuer: Issuer) -> None:
    # GIVEN an application that may call
    door = Door(issuer, (APPLICATION, "default"))
    # WHEN it calls for itself THEN it is let in, in both versions
    for claims in (claims_of_v1(oid=OTHER_OBJECT), issuer.claims_of_v2(oid=OTHER_OBJECT)):
        assert await door.open(signed(claims)) == "default"
        assert await door.open(signed({**claims, "idtyp": "app"})) == "default"
        # AND when it calls for a user, who may be anybody in the tenant, it is not
        for of_a_user in ({"scp": "user_impersonation"}, {"idtyp": "user"}):
            with pytest.raises(PermissionDenied):
                await door.open(signed({**claims, **of_a_user}))
    await door.close()


async def test_a_user_is_let_in_by_the_object_id(door: Door) -> None:
    claims = claims_of_v1(scp="user_impersonation", oid=OBJECT.upper())
    assert await door.open(signed(claims)) == "default"


async def test_whom_nobody_has_allowed_is_known_and_not_let_in(door: Door) -> None:
    token = signed(claims_of_v1(oid=OTHER_OBJECT, appid=OTHER_APPLICATION))
    with pytest.raises(PermissionDenied, match="ENTRA_PRINCIPALS") as error:
        await door.open(token)
    assert OTHER_OBJECT not in error.value.message
    with pytest.raises(PermissionDenied):
        await door.open(signed({**claims_of_v1(), "oid": "", "appid": ""}))


async def test_the_path_chooses_among_the_loops_of_a_principal(issuer: Issuer) -> None:
    # GIVEN somebody with two loops, and an application with another one
    door = Door(issuer, (OBJECT, "shop"), (APPLICATION, "app"), (OBJECT, "news"))
    user = signed(claims_of_v1(scp="user_impersonation"))
    # WHEN the path names none THEN the first one listed is opened
    assert await door.open(user) == "shop"
    # AND else the one that it names, if it is theirs
    assert await door.open(user, "News") == "news"
    for other in ("app", "default", "nowhere"):
        with pytest.raises(PermissionDenied, match="the path names"):
            await door.open(user, other)
    # AND an application that is listed by both of its ids has all of the loops
    assert await door.open(signed(claims_of_v1()), "app") == "app"
    await door.close()


async def test_all_tokens_of_a_principal_count_as_one_caller(issuer: Issuer) -> None:
    door = Door(issuer, (OBJECT, "default"), (OTHER_OBJECT, "default"))
    one, again = signed(claims_of_v1()), signed(claims_of_v1(uti="again"))
    other = signed(claims_of_v1(oid=OTHER_OBJECT))
    assert await door.identity(one) == await door.identity(again) != await door.identity(other)
    await door.close()


# What is not


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": 1_700_000_000}, "expired"),
        ({"nbf": 4_000_000_000, "exp": 4_000_003_600}, "not valid yet"),
        ({"aud": "https://storage.azure.com"}, "audience"),
        ({"aud": [AUDIENCE + ".evil.example", "https://other.example"]}, "audience"),
        ({"aud": 7}, "audience"),
        ({"iss": f"https://sts.windows.net/{OTHER_TENANT}/"}, "issuer"),
        ({"iss": f"https://sts.windows.net/{TENANT}"}, "issuer"),
        ({"iss": f"https://sts.windows.net.evil.example/{TENANT}/"}, "issuer"),
        ({"iss": f"https://login.microsoftonline.com/{TENANT}/v2.0"}, "issuer"),
        ({"tid": OTHER_TENANT}, "tenant"),
        ({"tid": None}, "lacks a claim"),
        ({"exp": None}, "lacks a claim"),
        ({"aud": None}, "lacks a claim"),
        ({"exp": "soon"}, "malformed claim"),
        ({"exp": float("inf")}, "malformed claim"),
        ({"nbf": float("nan")}, "malformed claim"),
        ({"oid": [OBJECT]}, "malformed claim"),
        ({"appid": {"x": 1}}, "malformed claim"),
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused_with_the_reason(
    claims: dict[str, JsonValue], reason: str, door: Door
) -> None:
    assert reason in await door.refused(signed(claims_of_v1(**claims)))


async def test_a_token_without_an_issuer_is_refused(door: Door) -> None:
    claims = claims_of_v1()
    del claims["iss"]
    assert "lacks a claim" in await door.refused(signed(claims))


def unsigned(claims: dict[str, JsonValue], algorithm: str) -> str:
    """A token that says it needs no signature."""
    token = signed(claims).split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": "one"}).encode())
    return f"{header.decode().rstrip('=')}.{token[1]}."


def with_the_public_key_as_secret(claims: dict[str, JsonValue], form: PublicFormat) -> str:
    """A token that a verifier takes who lets the token say how it is to be verified."""
    pem = private_key("one").public_key().public_bytes(Encoding.PEM, form)
    # The library refuses to sign with it.
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "kid": "one"}, claims)
    )
    mac = hmac.digest(pem, head + b"." + body, "sha256")
    return b".".join([head, body, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


@pytest.mark.parametrize(
    "forge",
    [
        partial(unsigned, algorithm="none"),
        partial(unsigned, algorithm="None"),
        partial(unsigned, algorithm=""),
        partial(with_the_public_key_as_secret, form=PublicFormat.SubjectPublicKeyInfo),
        partial(with_the_public_key_as_secret, form=PublicFormat.PKCS1),
        partial(signed, algorithm="RS512"),
        partial(signed, algorithm="RS384"),
        partial(signed, algorithm="PS256"),
    ],
)
async def test_no_other_algorithm_is_taken(
    forge: Callable[[dict[str, JsonValue]], str], door: Door
) -> None:
    # WHEN a token is of another algorithm, its key published or not THEN it is refused unread
    assert "not signed with RS256" in await door.refused(forge(claims_of_v1()))
    assert door.issuer.fetches == 0


async def test_what_is_not_signed_with_a_published_key_is_refused(door: Door) -> None:
    # GIVEN somebody with a key of their own
    own = private_key("theirs")
    token = signed(claims_of_v1())
    head, body, signature = token.split(".")
    other_body = signed(claims_of_v1(oid=OTHER_OBJECT)).split(".")[1]
    # WHEN it is given out for a published one, or a signature is moved or cut THEN it is refused
    for forged in (
        signed(claims_of_v1(), key=own),
        f"{head}.{other_body}.{signature}",
        f"{head}.{body}.{signature[:-2]}",
        f"{head}.{body}.",
    ):
        assert "signature" in await door.refused(forged)
    # AND one whose key nobody knows as well
    assert "not published" in await door.refused(signed(claims_of_v1(), "theirs"))
    assert await door.open(token) == "default"


async def test_a_token_does_not_say_which_key_to_believe(issuer: Issuer, door: Door) -> None:
    # GIVEN somebody who publishes keys of their own
    own = private_key("theirs")
    with Issuer() as evil:
        evil.publish("theirs", "one")
        url = f"{evil.authority}/{TENANT}/discovery/keys"
        for header in (
            {"jku": url},
            {"x5u": url},
            {"jwk": published("theirs", own)},
            {"x5c": ["MIIB"]},
        ):
            # WHEN a token leads there, under a known or an unknown id THEN it is refused
            assert "signature" in await door.refused(signed(claims_of_v1(), key=own, **header))
            message = await door.refused(signed(claims_of_v1(), "theirs", **header))
            assert "not published" in message
        # AND nobody has gone there
        assert evil.asked == []


async def test_a_token_that_does_not_name_its_key_is_refused(door: Door) -> None:
    token = jwt.encode(claims_of_v1(), private_key("one"), "RS256")
    assert "does not name the key" in await door.refused(token)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "e30.e30.e30",
        "é.é.é",
        "\udc80",
        "eyJhbGciOiJSUzI1NiJ9.e30." + "A" * LONGEST_TOKEN,
        base64.urlsafe_b64encode(b"[" * 9_000).decode().rstrip("=") + ".e30.AAAA",
        base64.urlsafe_b64encode(b'{"alg":"RS256","kid":' + b"9" * 5_000 + b"}").decode() + ".e.A",
        base64.urlsafe_b64encode(b'{"alg":"RS256","kid":["one"]}').decode().rstrip("=") + ".e30.AA",
        base64.urlsafe_b64encode(b'{"alg":["RS256"],"kid":"one"}').decode().rstrip("=") + ".e30.AA",
        base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"one","crit":["x"]}').decode() + ".e30.AA",
        base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"one","b64":false}').decode() + "..AAAA",
    ],
)
async def test_garbage_is_refused(token: str, door: Door) -> None:
    with pytest.raises(InvalidToken):
        await door.open(token)


header_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
headers = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5c"]) | st.text(),
    st.sampled_from(["RS256", "one", "none", "HS256"]) | header_values,
    max_size=6,
)
segments = st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
hostile = st.one_of(
    st.text(max_size=200),
    st.lists(segments, max_size=5).map(".".join),
    st.builds(
        lambda header, rest: ".".join(
            [base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("="), *rest]
        ),
        headers,
        st.lists(segments, min_size=1, max_size=3),
    ),
)


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(token=hostile)
def test_whatever_somebody_makes_up_is_refused(token: str, issuer: Issuer) -> None:
    async def shown() -> None:
        door = Door(issuer)
        with pytest.raises(InvalidToken):
            await door.open(token)
        await door.close()

    asyncio.run(shown())


async def test_a_signed_token_that_holds_no_claims_is_refused(door: Door) -> None:
    key = private_key("one")
    for content in (b"", b"[]", b"null", b"[" * 10_000, b"\xff", b'{"exp":' + b"9" * 5_000 + b"}"):
        head, body = (
            base64.urlsafe_b64encode(part).rstrip(b"=")
            for part in (b'{"alg":"RS256","kid":"one"}', content)
        )
        signature = key.sign(head + b"." + body, padding.PKCS1v15(), hashes.SHA256())
        token = b".".join([head, body, base64.urlsafe_b64encode(signature).rstrip(b"=")])
        with pytest.raises(InvalidToken):
            await door.open(token.decode())


# Time


async def test_clocks_may_differ_a_little(door: Door) -> None:
    now = int(door.now.time)
    assert await door.open(signed(claims_of_v1(exp=now - int(LEEWAY) + 1)))
    assert "expired" in await door.refused(signed(claims_of_v1(exp=now - int(LEEWAY))))
    assert await door.open(signed(claims_of_v1(nbf=now + int(LEEWAY))))
    assert "not valid yet" in await door.refused(signed(claims_of_v1(nbf=now + int(LEEWAY) + 1)))


async def test_a_token_that_is_known_expires_as_well(door: Door) -> None:
    token = signed(claims_of_v1())
    assert await door.open(token) == "default"
    door.now.time += 3600.0 + LEEWAY
    assert "expired" in await door.refused(token)


async def test_only_so_many_tokens_are_remembered(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MOST_BELIEVED", 3)
    made = [signed(claims_of_v1(uti=str(number))) for number in range(5)]
    for token in (*made, *made):
        assert await door.open(token) == "default"
    assert len(door._entra._believed) == 3


# Keys


async def test_keys_roll_over(door: Door) -> None:
    # GIVEN a process that knows the tenant's keys
    old = signed(claims_of_v1())
    assert await door.open(old) == "default"
    # WHEN another one is published beside them, and used
    door.issuer.publish("one", "two")
    door.clock.time += UNKNOWN_SECONDS
    # THEN both are believed after one more fetch
    assert await door.open(signed(claims_of_v1(), "two")) == "default"
    assert await door.open(old) == "default"
    assert door.issuer.fetches == 2
    # WHEN the old one is withdrawn, and it is time to look
    door.issuer.publish("two")
    door.clock.time += REFRESH_SECONDS
    assert await door.open(signed(claims_of_v1(), "two")) == "default"
    await fetched(door)
    # THEN what it has signed is believed no more, though the token was known
    assert "not published" in await door.refused(old)
    assert door.issuer.fetches == 3


async def test_another_key_under_the_same_id_is_another_key(door: Door) -> None:
    # GIVEN a token that is known
    token = signed(claims_of_v1())
    await door.open(token)
    # WHEN its key is replaced, and the process has noticed
    door.issuer.keys = [published("one", private_key("two"))]
    door.clock.time += REFRESH_SECONDS
    await door.open(token)
    await fetched(door)
    # THEN it is believed no more, and what the new one has signed is
    assert "signature" in await door.refused(token)
    assert await door.open(signed(claims_of_v1(), key=private_key("two"))) == "default"


async def test_known_keys_wait_for_no_fetch(door: Door) -> None:
    # GIVEN a process that knows the keys, and an issuer that hangs
    token = signed(claims_of_v1())
    await door.open(token)
    door.issuer.held.clear()
    # WHEN it is time to look THEN tokens are believed while somebody looks
    door.clock.time += REFRESH_SECONDS
    assert await asyncio.wait_for(door.open(token), 1.0) == "default"
    assert await asyncio.wait_for(door.open(signed(claims_of_v1(uti="new"))), 1.0) == "default"
    door.issuer.held.set()
    await fetched(door)
    assert door.issuer.fetches == 2


async def test_forged_tokens_cost_the_issuer_one_fetch_in_a_time(door: Door) -> None:
    # GIVEN a process that knows the keys
    good = signed(claims_of_v1())
    await door.open(good)
    head = signed(claims_of_v1(), key=private_key("theirs")).split(".")[1:]
    forged = [
        ".".join([base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"%d"}' % n).decode(), *head])
        for n in range(300)
    ]
    # WHEN hundreds of tokens with made-up keys come, at once and again
    for _ in range(3):
        door.clock.time += UNKNOWN_SECONDS / 3
        results = await asyncio.gather(*map(door.open, forged), return_exceptions=True)
        assert {type(result) for result in results} == {InvalidToken}
        # THEN who has a good one is let in meanwhile
        assert await door.open(good) == "default"
    # AND the issuer was asked once more
    assert door.issuer.fetches == 2
    # AND nothing of them is kept
    assert len(door._entra._believed) == 1


async def test_without_an_issuer_nobody_is_said_to_be_wrong(door: Door) -> None:
    # GIVEN a new process, and an issuer that is away
    door.issuer.status = 503
    token = signed(claims_of_v1())
    with pytest.raises(IssuerUnavailable, match="try again"):
        await door.open(token)
    # WHEN it is back THEN tokens are believed soon, and not before it was asked again
    door.issuer.status = 200
    with pytest.raises(IssuerUnavailable):
        await door.open(token)
    assert door.issuer.fetches == 1
    door.clock.time += AWAY_SECONDS
    assert await door.open(token) == "default"
    # WHEN it is away again, for hours
    door.issuer.status = 503
    for _ in range(5):
        door.clock.time += REFRESH_SECONDS
        # THEN the keys that are known stay in force, and others are refused
        assert await door.open(token) == "default"
        await fetched(door)
        assert "not published" in await door.refused(signed(claims_of_v1(), "two"))
    assert door.issuer.fetches == 7


async def test_an_issuer_that_hangs_is_given_up(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entra_keys, "_FETCH_SECONDS", 0.2)
    door.issuer.held.clear()
    with pytest.raises(IssuerUnavailable):
        await asyncio.wait_for(door.open(signed(claims_of_v1())), 5.0)


async def test_an_issuer_that_nobody_listens_at_is_away(issuer: Issuer) -> None:
    options = EntraOptions(TENANT, ((OBJECT, "default"),), authority="http://127.0.0.1:9")
    with pytest.raises(IssuerUnavailable):
        await Entra(options, PublishedKeys(options.key_urls)).caller(signed(claims_of_v1()), None)


WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)
RSA_KEY = published("one", private_key("one"))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>sign in</html>",
        b"",
        b"[]",
        b'{"keys": 7}',
        b'{"keys": []}',
        b'{"keys": [{"kty": "EC", "kid": "one", "crv": "P-256", "x": "AA", "y": "AA"}]}',
        json.dumps({"keys": [published("one", WEAK)]}).encode(),
        json.dumps({"keys": [{**RSA_KEY, "kid": ""}]}).encode(),
        json.dumps({"keys": [{**RSA_KEY, "n": "!"}]}).encode(),
        json.dumps({"keys": [{**RSA_KEY, "n": ""}]}).encode(),
        json.dumps({"keys": [{**RSA_KEY, "e": "AA"}]}).encode(),
        json.dumps({"keys": [{**RSA_KEY, "kty": "oct", "k": "AAAA"}]}).encode(),
        b" " * 1_100_000 + json.dumps({"keys": [RSA_KEY]}).encode(),
    ],
)
async def test_what_is_no_document_of_keys_opens_nothing(
    body: bytes, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    door.issuer.body = body
    with pytest.raises(IssuerUnavailable):
        await door.open(signed(claims_of_v1()))
    assert [r.message for r in caplog.records] == ["entra_keys_not_fetched"]


@pytest.mark.parametrize("status", [301, 302, 401, 404, 500])
async def test_only_an_answer_of_the_issuer_itself_counts(status: int, door: Door) -> None:
    door.issuer.status = status
    with pytest.raises(IssuerUnavailable):
        await door.open(signed(claims_of_v1()))
    assert f"/{TENANT}/discovery/keys" in door.issuer.asked
    assert "/elsewhere" not in door.issuer.asked


async def test_keys_that_are_of_no_use_spoil_no_others(door: Door) -> None:
    door.issuer.keys = [{"kty": "EC", "kid": "one"}, {"kty": "RSA", "kid": "x", "n": "!"}, RSA_KEY]
    assert await door.open(signed(claims_of_v1())) == "default"


async def fetched(door: Door) -> None:
    """Wait for the fetch that is under way in the background."""
    if door._entra._keys._fetching is not None:
        await asyncio.wait({door._entra._keys._fetching})


# Headers


@pytest.mark.parametrize(
    ("value", "token"),
    [
        ("Bearer a.b.c", "a.b.c"),
        ("bearer a.b.c ", "a.b.c"),
        ("BEARER", None),
        ("Bearer ", ""),
        ("Basic a.b.c", None),
        ("a.b.c", None),
        ("", None),
    ],
)
def test_a_bearer_token_is_taken_from_its_header(value: str, token: str | None) -> None:
    assert bearer_token({"Authorization": value}) == token
