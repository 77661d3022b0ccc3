"""What a compiler would find wrong with the files of infra/; and that it would be found."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from tests.infra import consistency
from tests.infra.files import GROUP, SUBSCRIPTION, Files, broken

Rule = Callable[[Files], Iterable[str]]
STORAGE = "modules/storage.bicep"
APP = "modules/function-app.bicep"


@pytest.mark.parametrize("rule", consistency.RULES)
def test_the_files_are_consistent(rule: Rule, files: Files) -> None:
    assert list(rule(files)) == []


@pytest.mark.parametrize(
    ("rule", "path", "old", "new", "found"),
    [
        (consistency.undescribed, STORAGE, "@description('Region.')\n", "", "location has no"),
        (consistency.undescribed, STORAGE, "'Region.'", "'Region'", "location has no"),
        (consistency.undescribed, APP, "@description('Where it is called.')\n", "", "endpoint has"),
        (consistency.unused, STORAGE, "    name: sku\n", "    name: 'x'\n", "sku is not used"),
        (consistency.unused, STORAGE, "var container =", "var spare = 1\nvar container =", "spare"),
        (consistency.unknown, STORAGE, "    name: sku\n", "    name: sku2\n", "there is no sku2"),
        (consistency.unknown, APP, "value: setting.value", "value: settin.value", "no settin"),
        (consistency.unknown, STORAGE, "guid(", "giud(", "no function giud"),
        (consistency.unknown, STORAGE, "@maxLength(24)", "@maxLen(24)", "no decorator maxLen"),
        (consistency.versions, APP, "serverfarms@2024-04-01", "serverfarms@2024-4-1", "2024-4-1"),
        (
            consistency.versions,
            STORAGE,
            "managementPolicies@2024-01-01",
            "managementPolicies@2023-01-01",
            "2023-01-01, 2024-01-01",
        ),
        (consistency.orphans, APP, "  parent: app\n  name: 'ftp'\n", "  name: 'ftp'\n", "ftpPubl"),
        (consistency.orphans, STORAGE, "parent: blobs", "parent: account", "data is in no"),
        (consistency.modules, GROUP, "modules/storage.bicep", "modules/stores.bicep", "no file"),
        (consistency.modules, GROUP, "    sku: storageSku\n", "", "storage is not given sku"),
        (
            consistency.modules,
            GROUP,
            "    sku: storageSku\n",
            "    sku: storageSku\n    sky: 'x'\n",
            "has no parameter sky",
        ),
        (
            consistency.modules,
            GROUP,
            "    sku: storageSku\n",
            "    sku: coolAfterDays\n",
            "takes a string as sku",
        ),
        (consistency.modules, GROUP, "  dependsOn: [", "  depends: [", "unknown property"),
        (consistency.outputs, GROUP, "storage.outputs.id", "storage.outputs.key", "returns no key"),
        (consistency.outputs, GROUP, "storage.outputs.id", "stores.outputs.id", "of no module"),
        (
            consistency.outputs,
            GROUP,
            "subnetId: useVirtualNetwork ? network.outputs.appSubnetId : ''",
            "subnetId: network.outputs.appSubnetId",
            "where it may not be",
        ),
        (consistency.entries, SUBSCRIPTION, "    corsOrigins: corsOrigins\n", "", "not pass cors"),
        (consistency.entries, SUBSCRIPTION, "param rankLogBudgetMs int = 250", "", "only one of"),
        (consistency.entries, SUBSCRIPTION, "int = 250", "int = 251", "rankLogBudgetMs differs"),
        (
            consistency.entries,
            SUBSCRIPTION,
            "output STORAGE_ACCOUNT_NAME",
            "output STORAGE_NAME",
            "returns STORAGE_ACCOUNT_NAME",
        ),
    ],
)
def test_what_is_inconsistent_is_found(
    rule: Rule, path: str, old: str, new: str, found: str
) -> None:
    assert any(found in finding for finding in rule(broken(path, old, new)))


def test_a_file_that_belongs_to_nothing_is_found(files: Files) -> None:
    spare = {**files, "modules/spare.bicep": files[STORAGE]}
    assert list(consistency.modules(spare)) == ["modules/spare.bicep belongs to nothing"]
