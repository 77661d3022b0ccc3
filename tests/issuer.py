"""An issuer of tokens as Entra ID is one, over HTTP on this machine."""

from __future__ import annotations

import contextlib
import functools
import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from pydantic import JsonValue

TENANT = "aaaaaaaa-0000-0000-0000-000000000001"
OTHER_TENANT = "aaaaaaaa-0000-0000-0000-000000000002"
OBJECT = "bbbbbbbb-0000-0000-0000-000000000001"
APPLICATION = "cccccccc-0000-0000-0000-000000000001"
AUDIENCE = "https://cognitiveservices.azure.com"

Claims = Mapping[str, JsonValue]


@functools.cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """A key that is the same in the whole run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def published(key_id: str, key: rsa.RSAPrivateKey) -> dict[str, JsonValue]:
    """A key as it is published."""
    jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {"kty": "RSA", "use": "sig", "kid": key_id, "n": jwk["n"], "e": jwk["e"]}


def claims_of_v1(**others: JsonValue) -> dict[str, JsonValue]:
    """What a v1.0 token of an application says."""
    now = int(time.time())
    claims: dict[str, JsonValue] = {
        "aud": AUDIENCE,
        "iss": f"https://sts.windows.net/{TENANT}/",
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "tid": TENANT,
        "oid": OBJECT,
        "sub": OBJECT,
        "appid": APPLICATION,
        "ver": "1.0",
    }
    return claims | others


def signed(
    claims: Claims,
    key_id: str = "one",
    key: rsa.RSAPrivateKey | bytes | None = None,
    algorithm: str = "RS256",
    **header: JsonValue,
) -> str:
    """A token with these claims, signed with the key of that id or with another one."""
    signing = private_key(key_id) if key is None else key
    return jwt.encode(dict(claims), signing, algorithm, headers={"kid": key_id, **header})


class Issuer:
    """Publishes keys where Entra ID does; it has the key ``one`` to begin with.

    Attributes:
        keys: What is published, as it stands.
        asked: The paths of all requests so far.
        status: What requests are answered with.
        body: What they get instead of the keys, where it is set.
        held: While it is not set, nobody gets an answer.
    """

    def __init__(self) -> None:
        self.keys: list[JsonValue] = []
        self.asked: list[str] = []
        self.status = 200
        self.body: bytes | None = None
        self.held = threading.Event()
        self.held.set()
        self.publish("one")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def authority(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def fetches(self) -> int:
        """How often both key documents were asked for."""
        return max(self.asked.count(path) for path in self._paths)

    def publish(self, *key_ids: str) -> None:
        """Publish these keys, and no others."""
        self.keys = [published(key_id, private_key(key_id)) for key_id in key_ids]

    def claims_of_v2(self, **others: JsonValue) -> dict[str, JsonValue]:
        """What a v2.0 token of an application says."""
        claims = claims_of_v1(iss=f"{self.authority}/{TENANT}/v2.0", ver="2.0", azp=APPLICATION)
        del claims["appid"]
        return claims | others

    def __enter__(self) -> Issuer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.held.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def _paths(self) -> tuple[str, str]:
        return f"/{TENANT}/discovery/keys", f"/{TENANT}/discovery/v2.0/keys"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                issuer.held.wait(30.0)
                known = self.path in issuer._paths
                body = issuer.body if issuer.body is not None else issuer._document()
                self.send_response(issuer.status if known else 404)
                if issuer.status in (301, 302):
                    self.send_header("Location", f"{issuer.authority}/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                # Who has waited long enough is gone, or does not want all of it.
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler

    def _document(self) -> bytes:
        return json.dumps({"keys": self.keys}).encode()
