"""What azd reads: azure.yaml, and the file of parameters that takes values from its environment."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from tests.infra.expressions import Object, literal_text, parts
from tests.infra.files import INFRA, ROOT, SUBSCRIPTION, Files
from tests.infra.read_settings import asked_for

PARAMETERS = INFRA / "main.parameters.json"
OF_AZD = {
    "environmentName": "AZURE_ENV_NAME",
    "location": "AZURE_LOCATION",
    "principalId": "AZURE_PRINCIPAL_ID",
    "principalType": "AZURE_PRINCIPAL_TYPE",
    "resourceGroupName": "AZURE_RESOURCE_GROUP",
}
GENERATED = {
    "personalizerKey1": "$(secretOrRandomPassword ${AZURE_KEY_VAULT_NAME} PERSONALIZER-KEY1)",
    "personalizerKey2": "$(secretOrRandomPassword ${AZURE_KEY_VAULT_NAME} PERSONALIZER-KEY2)",
}
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?:=([\w.]+))?\}")


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: str


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_: str = Field(alias="$schema")
    content_version: str = Field(alias="contentVersion")
    parameters: dict[str, _Given]


class _Service(BaseModel):
    model_config = ConfigDict(extra="forbid")

    project: str
    host: str
    language: str
    remote_build: bool = Field(alias="remoteBuild")


class _Azure(BaseModel):
    name: str
    services: dict[str, _Service]


def given(text: str) -> dict[str, str]:
    """The value of each parameter in a file of parameters."""
    read = _Parameters.model_validate_json(text)
    return {name: value.value for name, value in read.parameters.items()}


def mistakes(files: Files, values: dict[str, str]) -> Iterator[str]:
    """What azd would stop at, or what would be deployed otherwise than the Bicep file says."""
    declared = files[SUBSCRIPTION].parameters
    for name in sorted(values.keys() - declared.keys()):
        yield f"there is no parameter {name}"
    for name in sorted(declared.keys() - values.keys() - {"tags"}):
        yield f"{name} can't be set"
    settings = {name.replace("_", "").lower() for name in asked_for()}
    for name in sorted(values.keys() & declared.keys()):
        if values[name] == GENERATED.get(name):
            continue
        variable = _VARIABLE.fullmatch(values[name])
        if variable is None:
            yield f"{name} does not come from the environment"
            continue
        default = literal_text(declared[name].default) or ""
        # azd gives a string that is empty where its variable is unset, whatever the Bicep file
        # says; numbers and booleans it leaves out. An empty setting of the app is not set.
        needed = "" if name.lower() in settings else default
        if (variable[2] or "") != needed:
            yield f"{name} is {variable[2]!r} where {variable[1]} is unset, and not {needed!r}"
        if name.lower() in settings and variable[1].replace("_", "").lower() != name.lower():
            yield f"{name} is read from {variable[1]}"


def test_every_parameter_comes_from_azd_s_environment(files: Files) -> None:
    values = given(PARAMETERS.read_text())
    assert list(mistakes(files, values)) == []
    for name, variable in OF_AZD.items():
        assert values[name] == f"${{{variable}}}"
    assert len(set(values.values())) == len(values)


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("spare", "${SPARE}", "no parameter spare"),
        ("corsOrigins", "*", "corsOrigins does not come"),
        ("corsOrigins", "${ORIGINS}", "corsOrigins is read from ORIGINS"),
        ("storageSku", "${STORAGE_SKU}", "storageSku is None"),
        ("storageSku", "${STORAGE_SKU=Standard_GRS}", "storageSku is 'Standard_GRS'"),
    ],
)
def test_a_wrong_parameter_is_found(files: Files, name: str, value: str, found: str) -> None:
    values = {**given(PARAMETERS.read_text()), name: value}
    assert [finding for finding in mistakes(files, values) if found in finding]


def test_a_parameter_that_is_forgotten_is_found(files: Files) -> None:
    values = given(PARAMETERS.read_text())
    del values["alertEmail"]
    assert list(mistakes(files, values)) == ["alertEmail can't be set"]


def test_azd_finds_the_function_app_of_the_service(files: Files) -> None:
    azure = _Azure.model_validate(yaml.safe_load((ROOT / "azure.yaml").read_text()))
    assert azure.services == {
        "api": _Service(project=".", host="function", language="python", remoteBuild=True)
    }
    app = files["modules/function-app.bicep"].resources["app"]
    tagged = [
        literal_text(part.properties.get("azd-service-name"))
        for part in parts(app.body)
        if isinstance(part, Object) and "azd-service-name" in part.properties
    ]
    assert tagged == list(azure.services)
