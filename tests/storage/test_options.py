from __future__ import annotations

import base64

import pytest

from storage.options import (
    AccountKey,
    Identity,
    IdentityKind,
    StorageOptions,
    StorageSettingsError,
    storage_options,
)

KEY = base64.b64encode(b"secret==secret").decode()
REAL = f"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={KEY}"


def opened(text: str) -> StorageOptions:
    return storage_options({"AzureWebJobsStorage": text})


def test_a_connection_string_of_a_real_account() -> None:
    options = opened(REAL)
    assert options.blob_endpoint == "https://acme.blob.core.windows.net"
    assert options.table_endpoint == "https://acme.table.core.windows.net"
    assert options.credential == AccountKey("acme", b"secret==secret")


def test_another_cloud() -> None:
    options = opened(f"{REAL};EndpointSuffix=core.chinacloudapi.cn")
    assert options.table_endpoint == "https://acme.table.core.chinacloudapi.cn"


def test_endpoints_that_are_spelled_out() -> None:
    options = opened(f"{REAL};BlobEndpoint=http://b:1/acme/;TableEndpoint=http://t:2/acme;")
    assert (options.blob_endpoint, options.table_endpoint) == ("http://b:1/acme", "http://t:2/acme")


def test_development_storage() -> None:
    options = opened("UseDevelopmentStorage=true")
    assert options.blob_endpoint == "http://127.0.0.1:10000/devstoreaccount1"
    assert options.table_endpoint == "http://127.0.0.1:10002/devstoreaccount1"


@pytest.mark.parametrize(
    ("settings", "table", "client"),
    [
        ({"accountName": "acme"}, "https://acme.table.core.windows.net", None),
        (
            {
                "blobServiceUri": "https://b.example/",
                "tableServiceUri": "https://t.example/",
                "clientId": "c",
            },
            "https://t.example",
            "c",
        ),
        (
            {"accountName": "acme", "tableServiceUri": "https://t.example"},
            "https://t.example",
            None,
        ),
    ],
)
def test_a_managed_identity(settings: dict[str, str], table: str, client: str | None) -> None:
    options = storage_options({f"AzureWebJobsStorage__{k}": v for k, v in settings.items()})
    assert options.table_endpoint == table
    assert options.credential == Identity(client)


@pytest.mark.parametrize(
    ("credential", "kind"),
    [
        ("", IdentityKind.MANAGED),
        ("managedidentity", IdentityKind.MANAGED),
        ("ManagedIdentity", IdentityKind.MANAGED),
        ("azurecli", IdentityKind.AZURE_CLI),
        ("azd", IdentityKind.AZD),
    ],
)
def test_whose_identity_it_is(credential: str, kind: IdentityKind) -> None:
    account = {"AzureWebJobsStorage__accountName": "acme"}
    options = storage_options({**account, "AzureWebJobsStorage__credential": credential})
    assert options.credential == Identity(kind=kind)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"credential": "environment"}, "__credential .* managedidentity, azurecli, azd"),
        ({"credential": "azurecli", "clientId": "c"}, "__clientId .* unset it"),
        ({"credential": "azd", "clientId": "c"}, "__clientId .* unset it"),
    ],
)
def test_an_identity_that_there_is_not_is_refused(settings: dict[str, str], said: str) -> None:
    named = {"accountName": "acme", **settings}
    with pytest.raises(StorageSettingsError, match=said):
        storage_options({f"AzureWebJobsStorage__{k}": v for k, v in named.items()})


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"AzureWebJobsStorage": ""},
        {"AzureWebJobsStorage": "nonsense"},
        {"AzureWebJobsStorage": "AccountName=acme"},
        {"AzureWebJobsStorage": "AccountName=acme;AccountKey=not base64"},
        {"AzureWebJobsStorage__blobServiceUri": "https://b.example"},
        {
            "AzureWebJobsStorage__accountName": "acme",
            "AzureWebJobsStorage__blobServiceUri": "http://b.example",
        },
    ],
)
def test_what_names_no_storage_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(StorageSettingsError, match="AzureWebJobsStorage"):
        storage_options(settings)


@pytest.mark.parametrize("shards", [0, 101])
def test_the_number_of_shards_is_bounded(shards: int) -> None:
    with pytest.raises(StorageSettingsError, match="1 to 100"):
        storage_options({"AzureWebJobsStorage": REAL}, shards)


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(opened(REAL))
