"""The app as the platform reads it."""

from __future__ import annotations

import importlib.util
import inspect
import re
import typing
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import azure.functions as func
import pytest
from azure.functions.decorators.function_app import Function
from azure.functions.decorators.http import HttpTrigger
from azure.functions.decorators.timer import TimerTrigger

from api.operations import OPERATIONS
from api.options import SettingError
from api.pages import PAGES

APP = Path(__file__).parents[2] / "function_app.py"

Load = Callable[..., ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Run the app's file with these settings and nothing else."""

    def loaded(**settings: str) -> ModuleType:
        storage = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
        monkeypatch.setattr("os.environ", storage | settings)
        spec = importlib.util.spec_from_file_location("function_app", APP)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return loaded


def functions(app: func.FunctionApp) -> dict[str, Function]:
    """The app's functions by name."""
    return {str(function.get_function_name()): function for function in app.get_functions()}


def test_there_is_one_app_with_two_functions_an_operation_and_one_a_page(load: Load) -> None:
    module = load()
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionApp)]
    assert len(apps) == 1
    found = functions(apps[0])
    assert len(found) == 2 * len(OPERATIONS) + len(PAGES) + 3
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name) for name in found)
    assert max(found, key=str.lower) == "zz_catch_all"


def test_handlers_are_what_the_worker_takes(load: Load) -> None:
    for function in functions(load().app).values():
        handler = function.get_user_function()
        trigger = function.get_trigger()
        assert trigger is not None
        parameters = inspect.signature(handler).parameters
        assert list(parameters) == [trigger.name]
        assert parameters[trigger.name].default is inspect.Parameter.empty
        hints = typing.get_type_hints(handler)
        if isinstance(trigger, HttpTrigger):
            assert inspect.iscoroutinefunction(handler)
            assert hints == {"req": func.HttpRequest, "return": func.HttpResponse}
            assert trigger.auth_level is func.AuthLevel.ANONYMOUS
            assert not str(trigger.route).lower().startswith(("/", "admin", "runtime"))
        else:
            assert isinstance(trigger, TimerTrigger)
            assert not inspect.iscoroutinefunction(handler)
            assert hints == {"timer": func.TimerRequest, "return": type(None)}


@pytest.mark.parametrize(
    ("timer", "default"), [("trainer", "*/15 * * * * *"), ("evaluator", "0 * * * * *")]
)
@pytest.mark.parametrize("schedule", [None, "0 */5 * * * *"])
def test_a_timer_runs_by_its_setting(
    timer: str, default: str, schedule: str | None, load: Load
) -> None:
    settings = {} if schedule is None else {f"{timer.upper()}_SCHEDULE": schedule}
    trigger = functions(load(**settings).app)[timer].get_trigger()
    assert isinstance(trigger, TimerTrigger)
    assert trigger.schedule == (schedule or default)


def test_a_bad_setting_stops_the_app_at_its_start(load: Load) -> None:
    with pytest.raises(SettingError, match="RANK_LOG_BUDGET_MS"):
        load(RANK_LOG_BUDGET_MS="soon")
