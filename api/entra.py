"""Callers by Entra ID: whom a bearer token names, and what that principal may call.

Everything is checked here, by the tenant's published keys: the signature, the issuer, the audience,
the times, the tenant, and that the principal is one that the settings allow. No header that a
platform may have put beside the token is looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import BaseModel, FiniteFloat, ValidationError

from api.callers import Caller
from api.entra_keys import PublishedKeys
from api.entra_options import EntraOptions
from loop.errors import InvalidToken, PermissionDenied

TOKEN_HEADER = "Authorization"
LONGEST_TOKEN = 16_384
"""Bytes; the largest that Entra issues, with two hundred groups, has about ten thousand."""

LEEWAY = 60.0
"""Seconds that the clocks of issuer and service may differ by."""

MOST_BELIEVED = 1_000
"""So many tokens are believed without being verified again, the newest ones."""

_SCHEME = "bearer "
_ALGORITHMS = ["RS256"]

# The nearest one comes first: some of them are kinds of others.
_REASONS: Mapping[type[jwt.PyJWTError], str] = {
    jwt.InvalidAudienceError: "is for another audience",
    jwt.InvalidIssuerError: "is of another issuer",
    jwt.InvalidSignatureError: "has a wrong signature",
    jwt.InvalidAlgorithmError: f"is not signed with {_ALGORITHMS[0]}",
    jwt.MissingRequiredClaimError: "lacks a claim",
    jwt.PyJWTError: "is malformed",
}


class _Claims(BaseModel):
    """What a verified token says, as far as it matters here.

    Attributes:
        appid: The application that has asked for the token, in v1.0 tokens.
        azp: The same in v2.0 tokens.
        scp: Only in tokens of users that are signed in through that application.
        idtyp: ``app`` or ``user``, where the tenant has asked for it.
    """

    exp: FiniteFloat
    nbf: FiniteFloat = 0.0
    tid: str
    oid: str = ""
    appid: str = ""
    azp: str = ""
    scp: str | None = None
    idtyp: str = "app"

    @property
    def ids(self) -> tuple[str, ...]:
        """Under which ids the principal may be allowed.

        An application stands for itself and not for the users that come through it: everybody in
        the tenant can come through some.
        """
        by_itself = self.scp is None and self.idtyp == "app"
        ids = (self.oid, *((self.appid, self.azp) if by_itself else ()))
        return tuple(each.lower() for each in ids if each)


@dataclass(frozen=True, slots=True)
class _Believed:
    """A token that was verified, with the key that this was done with."""

    claims: _Claims
    key_id: str
    key: RSAPublicKey


class Entra:
    """Lets in the principals of one tenant.

    Args:
        options: Who they are.
        keys: Where the tenant's public keys come from.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        options: EntraOptions,
        keys: PublishedKeys,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tenant = options.tenant
        self._principals = options.principals
        self._issuers = options.issuers
        # Who asks for a token may write an address with a slash at its end, and then finds it so.
        stems = [audience.rstrip("/") for audience in options.audiences]
        self._audiences = [*stems, *(f"{stem}/" for stem in stems)]
        self._keys = keys
        self._clock = clock
        self._believed: dict[bytes, _Believed] = {}

    async def caller(self, token: str, addressed: str | None) -> Caller:
        """Who shows ``token``, at the loop that the path names, or else at the first of theirs.

        Args:
            addressed: The loop that the path names, if it names one.

        Raises:
            InvalidToken: It proves nothing.
            PermissionDenied: It is good, but whom it names may not call, or not this loop.
            IssuerUnavailable: It can't be verified for now.
        """
        claims = await self._claims(token)
        loops = [loop for each, loop in self._principals if each in claims.ids]
        if not loops:
            raise PermissionDenied(
                "The bearer token is valid, but whom it names may not call: neither its object id "
                "nor, for an application, its application id is listed in ENTRA_PRINCIPALS."
            )
        loop = loops[0] if addressed is None else addressed.lower()
        if loop not in loops:
            raise PermissionDenied(
                "Whom the bearer token names may not call the loop that the path names."
            )
        return Caller(loop, limited=False, identity=claims.ids[0].encode())

    async def close(self) -> None:
        """Stop fetching keys."""
        await self._keys.close()

    async def _claims(self, token: str) -> _Claims:
        digest = blake2b(token.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        believed = self._believed.get(digest)
        key_id = _key_id(token) if believed is None else believed.key_id
        key = await self._keys.find(key_id)
        if key is None:
            raise InvalidToken("The bearer token is signed with a key that is not published.")
        # What a key that is withdrawn has signed is not believed any more.
        if believed is None or believed.key is not key:
            believed = _Believed(self._verified(token, key), key_id, key)
            self._remember(digest, believed)
        claims, now = believed.claims, self._clock()
        if now >= claims.exp + LEEWAY:
            raise InvalidToken("The bearer token has expired.")
        if now < claims.nbf - LEEWAY:
            raise InvalidToken("The bearer token is not valid yet.")
        return claims

    def _verified(self, token: str, key: RSAPublicKey) -> _Claims:
        try:
            payload = jwt.decode(
                token,
                key,
                _ALGORITHMS,
                audience=self._audiences,
                issuer=self._issuers,
                # The times are looked at with every call, also for tokens that are known.
                options={
                    "require": ["exp", "iss", "aud", "tid"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            claims = _Claims.model_validate(payload)
        except jwt.PyJWTError as error:
            reason = next(text for kind, text in _REASONS.items() if isinstance(error, kind))
            raise InvalidToken(f"The bearer token {reason}.") from error
        except ValidationError as error:
            raise InvalidToken("The bearer token has a malformed claim.") from error
        if claims.tid.lower() != self._tenant:
            raise InvalidToken("The bearer token is of another tenant.")
        return claims

    def _remember(self, digest: bytes, believed: _Believed) -> None:
        if len(self._believed) >= MOST_BELIEVED:
            del self._believed[next(iter(self._believed))]
        self._believed[digest] = believed


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """The bearer token of a request with these headers; None where it has none.

    >>> bearer_token({"Authorization": "bearer  a.b.c"})
    'a.b.c'
    """
    value = headers.get(TOKEN_HEADER, "")
    return value[len(_SCHEME) :].strip() if value[: len(_SCHEME)].lower() == _SCHEME else None


def _key_id(token: str) -> str:
    """The id of the key that a token says it is signed with; nothing else in it is followed."""
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise InvalidToken("The bearer token is malformed.")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise InvalidToken("The bearer token is malformed.") from error
    if header.get("alg") not in _ALGORITHMS:
        raise InvalidToken(f"The bearer token is not signed with {_ALGORITHMS[0]}.")
    key_id = header.get("kid")
    if not isinstance(key_id, str):
        raise InvalidToken("The bearer token does not name the key that it is signed with.")
    return key_id
