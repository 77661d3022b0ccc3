"""Whether a deployment is closed, as infra/ makes it; and that it would be found if it were not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from storage.options import Identity, StorageOptions
from tests.infra import safety
from tests.infra.expressions import Name, Object, Text, flat_text, literal_text, parts
from tests.infra.files import GROUP, Files, broken

Rule = Callable[[Files], Iterable[str]]
STORAGE = "modules/storage.bicep"
APP = "modules/function-app.bicep"
VAULT = "modules/vault.bicep"
MONITORING = "modules/monitoring.bicep"


@pytest.mark.parametrize("rule", safety.RULES)
def test_the_deployment_is_closed(rule: Rule, files: Files) -> None:
    assert list(rule(files)) == []


@pytest.mark.parametrize(
    ("rule", "path", "old", "new", "found"),
    [
        (safety.weakened, STORAGE, "SharedKeyAccess: false", "SharedKeyAccess: true", "SharedKey"),
        (safety.weakened, STORAGE, "    allowSharedKeyAccess: false\n", "", "allowSharedKeyAccess"),
        (
            safety.weakened,
            STORAGE,
            "allowBlobPublicAccess: false",
            "allowBlobPublicAccess: true",
            "allowBlobPublicAccess",
        ),
        (safety.weakened, STORAGE, "'TLS1_2'", "'TLS1_1'", "minimumTlsVersion"),
        (safety.weakened, STORAGE, "TrafficOnly: true", "TrafficOnly: private", "TrafficOnly"),
        (safety.weakened, STORAGE, "publicAccess: 'None'", "publicAccess: 'Blob'", "register"),
        (safety.weakened, APP, "httpsOnly: true", "httpsOnly: false", "httpsOnly"),
        (safety.weakened, APP, "    minTlsVersion: '1.2'", "    minTlsVersion: '1.0'", "minTls"),
        (safety.weakened, APP, "ftpsState: 'Disabled'", "ftpsState: 'FtpsOnly'", "ftpsState"),
        (safety.weakened, APP, "allow: false", "allow: true", "ftpPublishing"),
        (
            safety.weakened,
            APP,
            "'UserAssignedIdentity'",
            "'StorageAccountConnectionString'",
            "authentication",
        ),
        (safety.weakened, MONITORING, "DisableLocalAuth: true", "DisableLocalAuth: false", "Auth"),
        (safety.weakened, VAULT, "enablePurgeProtection: true\n", "", "enablePurgeProtection"),
        (
            safety.weakened,
            VAULT,
            "Microsoft.KeyVault/vaults@",
            "Microsoft.KeyVault/hsm@",
            "no Micr",
        ),
        (safety.published, APP, "name: 'scm'", "name: 'ftp'", "publishing by scm"),
        (
            safety.exposed,
            STORAGE,
            "'Disabled' : 'Enabled'",
            "'Enabled' : 'Enabled'",
            "all networks",
        ),
        (safety.exposed, STORAGE, "private && empty(", "!private && empty(", "all networks"),
        (safety.exposed, VAULT, "'Deny' : 'Allow'", "'Allow' : 'Deny'", "unknown addresses"),
        (safety.unbounded, APP, "perInstanceConcurrency: httpConcurrency", "other: 1", "perInst"),
        (safety.unbounded, APP, "maximumInstanceCount: maximumInstanceCount", "a: 1", "maximum"),
        (safety.secrets, STORAGE, "account.id\n", "account.listKeys().keys[0].value\n", "listKeys"),
        (safety.secrets, GROUP, "'managedidentity'", "'AccountKey=abc'", "AccountKey="),
        (safety.secrets, VAULT, "@secure()\nparam modelSigningKey", "param modelSigningKey", "@"),
        (
            safety.secrets,
            GROUP,
            "param personalizerKey1 string = ''",
            "param personalizerKey1 string = 'a'",
            "default",
        ),
        (safety.secrets, GROUP, "'${reference}PERSONALIZER-KEY1)'", "personalizerKey1", "be seen"),
        (
            safety.secrets,
            GROUP,
            "    title: 'Loops of ${base}'",
            "    title: modelSigningKey",
            "seen",
        ),
        (
            safety.secrets,
            VAULT,
            "output name string = vault.name",
            "output name string = personalizerKey2",
            "seen",
        ),
        (safety.foreign_roles, STORAGE, "b7e6dc6d-f1e8", "b7e6dc6d-f1e9", "is no role"),
        (
            safety.foreign_roles,
            STORAGE,
            "var blobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'",
            "var blobDataContributor = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'",
            "ownerPrincipalId is Storage Blob Data Owner",
        ),
        (
            safety.foreign_roles,
            VAULT,
            "principalId: servicePrincipalId",
            "principalId: ownerPrincipalId",
            "is there without an owner",
        ),
        (
            safety.foreign_roles,
            STORAGE,
            "guid(account.id, servicePrincipalId, blobDataOwner)",
            "guid(account.id, blobDataOwner)",
            "serviceBlobs is not made",
        ),
        (
            safety.foreign_roles,
            STORAGE,
            "= if (!empty(ownerPrincipalId)) {",
            "= {",
            "without an owner",
        ),
        (
            safety.foreign_roles,
            MONITORING,
            "scope: insights",
            "scope: workspace",
            "OperationalInsights",
        ),
    ],
)
def test_what_is_open_is_found(rule: Rule, path: str, old: str, new: str, found: str) -> None:
    assert any(found in finding for finding in rule(broken(path, old, new)))


def test_the_containers_are_those_that_the_service_uses(files: Files) -> None:
    used = StorageOptions("https://a", "https://b", Identity())
    container = literal_text(files[STORAGE].variables["container"].value)
    register = files[STORAGE].resources["register"].get("name")
    assert container == used.container
    assert isinstance(register, Text)
    assert register.parts == (Name("container"), used.register_container.removeprefix(container))


def test_no_rule_of_the_storage_deletes_anything(files: Files) -> None:
    lifecycle = files[STORAGE].resources["lifecycle"]
    keys = {
        key for part in parts(lifecycle.body) if isinstance(part, Object) for key in part.properties
    }
    assert "tierToCool" in keys
    assert not {key for key in keys if "delete" in key.lower() or "archive" in key.lower()}


def test_secrets_reach_the_app_as_references_alone(files: Files) -> None:
    settings = files[GROUP].variables["settings"].value
    assert isinstance(settings, Object)
    names = {
        name
        for name in settings.properties
        if name.startswith("PERSONALIZER_") or name.endswith("SIGNING_KEY")
    }
    kept = {
        literal_text(resource.body.properties["name"])
        for resource in files[VAULT].resources.values()
        if resource.type.endswith("/secrets")
    }
    assert {name.replace("_", "-") for name in names} == kept
    for name in names:
        texts = [part for part in parts(settings.properties[name]) if isinstance(part, Text)]
        assert [flat_text(text) for text in texts] == [f"0{name.replace('_', '-')})", ""]
