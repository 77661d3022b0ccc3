"""Storage that only an identity opens: Azurite over HTTPS, and App Service's identity endpoint."""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.azurite import Azurite
from storage.options import CONNECTION, storage_options

CLIENT_ID = "11111111-2222-3333-4444-555555555555"
AUDIENCE = "https://storage.azure.com"

_SECRET = "header-of-the-test"
_TENANT = "99999999-8888-7777-6666-555555555555"
_PROTOCOL = {"api-version": ["2019-08-01"], "resource": [AUDIENCE], "client_id": [CLIENT_ID]}


@dataclass(frozen=True, slots=True)
class SecureAzurite:
    """An Azurite that takes tokens over HTTPS.

    Attributes:
        certificate: The file to trust, in PEM.
        blob_endpoint: URL of its blob service.
        table_endpoint: URL of its table service.
    """

    certificate: Path
    blob_endpoint: str
    table_endpoint: str

    def settings_for(self, kind: str) -> dict[str, str]:
        """What names it to the service and its owner's commands.

        Args:
            kind: Which credential it is entered with.
        """
        settings = {
            "blobServiceUri": self.blob_endpoint,
            "tableServiceUri": self.table_endpoint,
            "credential": kind,
        }
        if kind == "managedidentity":
            settings["clientId"] = CLIENT_ID
        return {f"{CONNECTION}__{name}": value for name, value in settings.items()}


@contextmanager
def secure_azurite(folder: Path) -> Iterator[SecureAzurite]:
    """An Azurite with a certificate of its own, until the block is left."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    _self_sign(certificate, key)
    options = ("--oauth", "basic", "--cert", str(certificate), "--key", str(key))
    with Azurite(folder / "azurite", options=options) as azurite:
        places = storage_options({CONNECTION: azurite.connection_string})
        yield SecureAzurite(certificate, places.blob_endpoint, places.table_endpoint)


def _self_sign(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def storage_token(*, audience: str = AUDIENCE, lifetime: float = 3600.0, name: str = "") -> str:
    """A token as Entra gives it for storage; Azurite doesn't look at the signature.

    Args:
        lifetime: Seconds from now to its end; negative for one that has ended.
        name: Tells it from others.
    """
    now = int(time.time())
    claims = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{_TENANT}/",
        "iat": now - 7200,
        "nbf": now - 7200,
        "exp": now + int(lifetime),
        "oid": CLIENT_ID,
        "uti": name,
    }
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, b"signature")
    )


class IdentityEndpoint:
    """What App Service answers an app that asks for a token of its managed identity.

    Attributes:
        audience: Of the tokens that are given.
        lifetime: Seconds from now that their claims say.
        said_lifetime: Seconds from now that the answer says.
        status: What it answers with; anything but 200 is a refusal.
        given: The tokens it has given, in order.
        environment: What App Service sets, by which the endpoint is found.
    """

    def __init__(self) -> None:
        self.audience = AUDIENCE
        self.lifetime = 3600.0
        self.said_lifetime = 3600.0
        self.status = 200
        self.given: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.environment = {
            "IDENTITY_ENDPOINT": f"http://127.0.0.1:{self._server.server_port}/msi/token",
            "IDENTITY_HEADER": _SECRET,
        }

    def __enter__(self) -> IdentityEndpoint:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, header: str | None) -> tuple[int, Mapping[str, str]]:
        """The status and the JSON members for a request."""
        asked = urlsplit(path)
        if asked.path != "/msi/token" or parse_qs(asked.query) != _PROTOCOL or header != _SECRET:
            return 400, {"message": "not as App Service is asked"}
        if self.status != 200:
            return self.status, {"message": "refused"}
        token = storage_token(
            audience=self.audience, lifetime=self.lifetime, name=str(len(self.given))
        )
        self.given.append(token)
        return 200, {
            "access_token": token,
            "expires_on": str(int(time.time() + self.said_lifetime)),
            "resource": AUDIENCE,
            "token_type": "Bearer",
            "client_id": CLIENT_ID,
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, members = endpoint.answer(self.path, self.headers["X-IDENTITY-HEADER"])
                body = json.dumps(members).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler


def put_az_on_path(folder: Path, token: str) -> str:
    """Write an ``az`` that gives ``token``, and return the ``PATH`` on which it is found."""
    folder.mkdir(parents=True, exist_ok=True)
    answer = {"accessToken": token, "expires_on": int(time.time()) + 3600, "tokenType": "Bearer"}
    script = folder / "az"
    script.write_text(
        "#!/bin/sh\n"
        f'[ "$*" = "account get-access-token --output json --resource {AUDIENCE}" ] || exit 2\n'
        f"echo '{json.dumps(answer)}'\n"
    )
    script.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
