"""Where a deployment's storage is, how it is entered, and how long it may take."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

CONNECTION = "AzureWebJobsStorage"
"""The setting that Azure Functions keeps its storage in; ours is the same account."""

CREDENTIAL = f"{CONNECTION}__credential"
_CLIENT_ID = f"{CONNECTION}__clientId"

_DEVELOPMENT = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)


class StorageSettingsError(Exception):
    """Raised when the settings name no storage; the message says which one to mend."""


@dataclass(frozen=True, slots=True)
class AccountKey:
    """Entry by an account's name and key (the raw bytes of it)."""

    account: str
    key: bytes

    def __repr__(self) -> str:
        return f"AccountKey({self.account!r})"


class IdentityKind(str, Enum):
    """Whose identity storage is entered with; the values are those of the setting."""

    MANAGED = "managedidentity"
    AZURE_CLI = "azurecli"
    AZD = "azd"


@dataclass(frozen=True, slots=True)
class Identity:
    """Entry by a token of an identity.

    Attributes:
        client_id: Which managed identity of the host it is; None for the host's own, and where
            it is the login of the Azure CLI or of the Azure Developer CLI.
    """

    client_id: str | None = None
    kind: IdentityKind = IdentityKind.MANAGED


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long storage may take, in seconds.

    Attributes:
        connect: To open a connection.
        append: For one attempt at writing a row.
        read: Between two pieces of an answer that is read.
        write: For the answer to a blob being written.
        retries: Waits before each further attempt of what may be repeated and nobody waits
            for: scans, listings, reads, blocks.
    """

    connect: float = 1.0
    append: float = 2.0
    read: float = 3.0
    write: float = 30.0
    retries: tuple[float, ...] = (0.2,)


@dataclass(frozen=True, slots=True)
class StorageOptions:
    """Everything that opening a storage needs.

    Attributes:
        blob_endpoint: URL of the blob service, without a slash at its end.
        table_endpoint: URL of the table service, without a slash at its end.
        container: The blob container that all loops share. The register is in one of its own,
            beside it: who is let in to read the joined log does not read the keys.
        shards: Tails of the event log that share its load, 1 to 100. Scans look at this many:
            it may grow, and must never shrink while the log holds rows.
    """

    blob_endpoint: str
    table_endpoint: str
    credential: AccountKey | Identity
    container: str = "personalizer"
    shards: int = 4
    timeouts: Timeouts = Timeouts()

    def __post_init__(self) -> None:
        if not 1 <= self.shards <= 100:
            raise StorageSettingsError("The event log has 1 to 100 shards.")
        endpoints = (self.blob_endpoint, self.table_endpoint)
        by_identity = isinstance(self.credential, Identity)
        if by_identity and not all(url.startswith("https://") for url in endpoints):
            raise StorageSettingsError(f"{CONNECTION}: an identity is shown only over https.")

    @property
    def register_container(self) -> str:
        """The blob container that the register is in."""
        return f"{self.container}-register"


def storage_options(settings: Mapping[str, str], shards: int = 4) -> StorageOptions:
    """Reads the connection from a deployment's settings (its environment).

    Either ``AzureWebJobsStorage`` holds a connection string, or
    ``AzureWebJobsStorage__accountName`` (or both ``__blobServiceUri`` and ``__tableServiceUri``)
    names an account that is entered by an identity. ``__credential`` says by which:
    ``managedidentity``, also where it is unset, the host's own or that of ``__clientId``;
    ``azurecli`` or ``azd``, that of who is logged in there, for the owner's commands.

    >>> storage_options({"AzureWebJobsStorage__accountName": "acme"}).table_endpoint
    'https://acme.table.core.windows.net'

    Raises:
        StorageSettingsError: Nothing is set, the connection string lacks a part, or there is no
            such credential.
    """
    if text := settings.get(CONNECTION):
        return _from_connection_string(text, shards)
    account = settings.get(f"{CONNECTION}__accountName")
    uris = {
        service: settings.get(f"{CONNECTION}__{service}ServiceUri")
        or (f"https://{account}.{service}.core.windows.net" if account else "")
        for service in ("blob", "table")
    }
    if not all(uris.values()):
        raise StorageSettingsError(
            f"No storage is configured: set {CONNECTION} to a connection string, "
            f"or {CONNECTION}__accountName to an account's name."
        )
    return StorageOptions(
        uris["blob"].rstrip("/"), uris["table"].rstrip("/"), _identity(settings), shards=shards
    )


def _identity(settings: Mapping[str, str]) -> Identity:
    named = settings.get(CREDENTIAL) or IdentityKind.MANAGED.value
    client_id = settings.get(_CLIENT_ID) or None
    try:
        kind = IdentityKind(named.strip().lower())
    except ValueError:
        known = ", ".join(kind.value for kind in IdentityKind)
        raise StorageSettingsError(f"{CREDENTIAL} must be one of {known}.") from None
    if client_id is not None and kind is not IdentityKind.MANAGED:
        raise StorageSettingsError(
            f"{_CLIENT_ID} names a managed identity: unset it, or {CREDENTIAL}."
        )
    return Identity(client_id, kind)


def _from_connection_string(text: str, shards: int) -> StorageOptions:
    parts = _parts(text)
    if parts.get("usedevelopmentstorage", "").lower() == "true":
        parts = _parts(_DEVELOPMENT)
    try:
        account = parts["accountname"]
        key = base64.b64decode(parts["accountkey"], validate=True)
    except (KeyError, binascii.Error) as e:
        raise StorageSettingsError(
            f"{CONNECTION} is no connection string with AccountName and AccountKey."
        ) from e
    protocol = parts.get("defaultendpointsprotocol", "https")
    suffix = parts.get("endpointsuffix", "core.windows.net")
    endpoints = [
        parts.get(f"{service}endpoint") or f"{protocol}://{account}.{service}.{suffix}"
        for service in ("blob", "table")
    ]
    blob, table = (endpoint.rstrip("/") for endpoint in endpoints)
    return StorageOptions(blob, table, AccountKey(account, key), shards=shards)


def _parts(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
