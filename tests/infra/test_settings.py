"""Whether the app is given every setting that it reads, by a parameter that means the same."""

from __future__ import annotations

import re

import pytest

from api.options import read_options
from storage.options import CONNECTION, Identity, IdentityKind, storage_options
from telemetry.options import AUTHENTICATION, ManagedIdentity, export_options
from telemetry.options import CONNECTION as TELEMETRY
from tests.infra.expressions import (
    Call,
    Expression,
    Literal,
    Object,
    Text,
    Value,
    evaluate,
    free_names,
)
from tests.infra.files import GROUP, ROOT, SUBSCRIPTION, Files, broken
from tests.infra.read_settings import OF_THE_PLATFORM, OTHER_FORMS, SOME_TELEMETRY, asked_for

HOME_PAGE = "AzureWebJobsDisableHomepage"
"""What the platform alone reads: its own page would stand at / otherwise."""

LAPTOP = {"PORT", "AZURITE_DIR"}
"""What only ``make run`` reads."""


def all_settings(files: Files) -> dict[str, Expression]:
    value = files[GROUP].variables["settings"].value
    assert isinstance(value, Object)
    return dict(value.properties)


def settings(files: Files) -> dict[str, Expression]:
    """Those that the service reads."""
    return {name: value for name, value in all_settings(files).items() if name != HOME_PAGE}


def fixed(files: Files) -> set[str]:
    """The settings that follow from other resources, and from no parameter."""
    parameters = files[GROUP].parameters.keys()
    return {name for name, value in settings(files).items() if not free_names(value) & parameters}


def environment(files: Files) -> dict[str, str]:
    """What the app is given by the defaults of the parameters; nothing where a setting is empty."""
    defaults: dict[str, Value] = {}
    for name, parameter in files[GROUP].parameters.items():
        if isinstance(parameter.default, Literal | Text):
            defaults[name] = evaluate(parameter.default, {})
    values = {
        name: evaluate(value, defaults)
        for name, value in settings(files).items()
        if name not in fixed(files)
    }
    return {name: str(value) for name, value in values.items() if value != ""}


def parameter_of(setting: str) -> str:
    """``RANK_LOG_BUDGET_MS`` is set by ``rankLogBudgetMs``."""
    first, *others = setting.lower().split("_")
    return first + "".join(word.capitalize() for word in others)


def readme_settings() -> set[str]:
    """The names in the first column of the README's table."""
    readme = (ROOT / "README.md").read_text()
    section = readme.partition("\n## Settings\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def wanted() -> set[str]:
    return asked_for() - OTHER_FORMS - OF_THE_PLATFORM


def test_every_setting_that_the_code_reads_is_provided_and_no_other(files: Files) -> None:
    assert settings(files).keys() == wanted()


def test_the_page_at_the_root_is_the_service_s_own(files: Files) -> None:
    assert all_settings(files)[HOME_PAGE] == Text(("true",))


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        ("  STRICT_LOGGING: string(strictLogging)\n", "", "STRICT_LOGGING"),
        ("  CORS_ORIGINS:", "  CORS_ORIGIN:", "CORS_ORIGIN"),
        ("  CORS_ORIGINS:", "  AzureWebJobsStorage: ''\n  CORS_ORIGINS:", "AzureWebJobsStorage"),
    ],
)
def test_a_setting_too_few_or_too_many_is_found(old: str, new: str, differs: str) -> None:
    assert differs in settings(broken(GROUP, old, new)).keys() ^ wanted()


def test_every_setting_is_in_the_readme(files: Files) -> None:
    told = readme_settings() - LAPTOP - OTHER_FORMS
    assert told == settings(files).keys()


def test_by_default_the_app_is_set_as_without_any_setting(files: Files) -> None:
    given = environment(files)
    assert len(given) > 12
    assert read_options(given) == read_options({})
    told = {TELEMETRY: SOME_TELEMETRY}
    assert export_options({**given, **told}) == export_options(told)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rankLogBudgetMs int = 250", "rankLogBudgetMs int = 251"),
        ("strictLogging bool = false", "strictLogging bool = true"),
        ("maxRewardWaitTime string = 'P2D'", "maxRewardWaitTime string = 'P1D'"),
        (
            "EVENT_LOG_SHARDS: string(eventLogShards)",
            "EVENT_LOG_SHARDS: string(modelRefreshSeconds)",
        ),
    ],
)
def test_a_default_that_differs_from_the_code_s_is_found(old: str, new: str) -> None:
    files = broken(GROUP, old, new)
    assert read_options(environment(files)) != read_options({})


def test_each_setting_has_a_parameter_of_its_name_that_tells_it(files: Files) -> None:
    declared = files[GROUP].parameters
    for name, value in settings(files).items():
        if name in fixed(files):
            continue
        parameter = parameter_of(name)
        assert parameter in free_names(value), name
        assert (declared[parameter].decorators.description or "").startswith(f"{name}: "), name


def test_the_bounds_of_numbers_are_the_code_s(files: Files) -> None:
    checked = 0
    for name, value in settings(files).items():
        for parameter in free_names(value) & files[GROUP].parameters.keys():
            for bound in files[GROUP].parameters[parameter].decorators.calls:
                if bound.function in ("minValue", "maxValue"):
                    (limit,) = bound.arguments
                    assert isinstance(limit, Literal)
                    given = evaluate(value, {parameter: limit.value})
                    read_options({name: str(given)})
                    export_options({TELEMETRY: SOME_TELEMETRY, name: str(given)})
                    checked += 1
    assert checked >= 20


def test_storage_and_telemetry_are_entered_as_the_identity(files: Files) -> None:
    given = settings(files)
    assert fixed(files) == {
        f"{CONNECTION}__accountName",
        f"{CONNECTION}__credential",
        f"{CONNECTION}__clientId",
        TELEMETRY,
        AUTHENTICATION,
    }
    credential, authentication = given[f"{CONNECTION}__credential"], given[AUTHENTICATION]
    assert isinstance(credential, Text)
    assert isinstance(authentication, Text)
    of_identity = [part for part in authentication.parts if not isinstance(part, str)]
    assert of_identity == [given[f"{CONNECTION}__clientId"]]
    told = {
        f"{CONNECTION}__accountName": "account",
        f"{CONNECTION}__credential": str(evaluate(credential, {})),
        f"{CONNECTION}__clientId": "id-1",
    }
    assert storage_options(told).credential == Identity("id-1", IdentityKind.MANAGED)
    text = "".join(part if isinstance(part, str) else "id-1" for part in authentication.parts)
    exporting = export_options({TELEMETRY: SOME_TELEMETRY, AUTHENTICATION: text})
    assert exporting is not None
    assert exporting.identity == ManagedIdentity("id-1")


def test_an_empty_setting_is_not_set(files: Files) -> None:
    app = files["modules/function-app.bicep"]
    given = app.variables["given"].value
    assert isinstance(given, Call)
    assert given.function == "filter"
    assert "given" in free_names(app.resources["app"].body)
    assert "settings" not in free_names(app.resources["app"].body)


def test_both_ways_in_have_the_same_settings(files: Files) -> None:
    names = {parameter_of(name) for name in settings(files).keys() - fixed(files)}
    assert names <= files[SUBSCRIPTION].parameters.keys()
