"""The files that editors and GitHub read: they parse, and what they name is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from pathspec import GitIgnoreSpec
from pydantic import BaseModel, Field

from tests.service import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EDITOR = sorted([*(ROOT / ".vscode").glob("*.json"), *(ROOT / ".devcontainer").glob("*.json")])


class _Step(BaseModel):
    uses: str = ""
    run: str = ""


class _Job(BaseModel):
    uses: str = ""
    needs: str | list[str] = []
    permissions: dict[str, str] = {}
    steps: list[_Step] = []
    timeout_minutes: int = Field(default=0, alias="timeout-minutes")


class _Workflow(BaseModel):
    permissions: dict[str, str]
    jobs: dict[str, _Job]


class _Service(BaseModel):
    project: Path
    language: str
    host: str


class _Infra(BaseModel):
    provider: str = "bicep"
    path: Path = Path("infra")
    module: str = "main"


class _AzureYaml(BaseModel):
    infra: _Infra = _Infra()
    services: dict[str, _Service]


class _Task(BaseModel):
    label: str
    type: str
    command: str
    depends_on: str = Field(default="", alias="dependsOn")


class _Tasks(BaseModel):
    tasks: list[_Task]


class _Launch(BaseModel):
    pre_launch_task: str = Field(default="", alias="preLaunchTask")
    module: str = ""


class _Launches(BaseModel):
    configurations: list[_Launch]


class _Recommended(BaseModel):
    recommendations: list[str]


class _Editor(BaseModel):
    extensions: list[str]


class _Customizations(BaseModel):
    vscode: _Editor


class _DevContainer(BaseModel):
    image: str
    features: dict[str, dict[str, str | bool]]
    post_create: str = Field(alias="postCreateCommand")
    customizations: _Customizations


def _workflow(file: Path) -> _Workflow:
    return _Workflow.model_validate(yaml.safe_load(file.read_text()))


def _targets() -> set[str]:
    """What `make` can be asked for."""
    names = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert names is not None
    return set(names[1].split())


def _asked_of_make(commands: str) -> set[str]:
    return set(re.findall(r"\bmake (\w+)", commands))


@pytest.mark.parametrize("file", EDITOR, ids=lambda file: file.name)
def test_what_editors_read_is_plain_json(file: Path) -> None:
    assert json.loads(file.read_text())


def test_the_container_has_what_the_pages_ask_for_and_the_editor_s_extensions() -> None:
    file = ROOT / ".devcontainer" / "devcontainer.json"
    container = _DevContainer.model_validate_json(file.read_bytes())
    assert "python:1-3.12" in container.image
    features = " ".join(container.features)
    assert all(tool in features for tool in ("node", "azure-cli", "azd", "functions-core-tools"))
    assert _asked_of_make(container.post_create) <= _targets()
    recommended = (ROOT / ".vscode" / "extensions.json").read_bytes()
    extensions = _Recommended.model_validate_json(recommended).recommendations
    assert container.customizations.vscode.extensions == extensions


def test_tasks_run_targets_and_launches_wait_for_tasks_that_there_are() -> None:
    tasks = _Tasks.model_validate_json((ROOT / ".vscode" / "tasks.json").read_bytes()).tasks
    labels = {task.label for task in tasks}
    for task in tasks:
        if task.type == "shell":
            assert _asked_of_make(task.command) & _targets(), task.label
        assert not task.depends_on or task.depends_on in labels
    launches = _Launches.model_validate_json((ROOT / ".vscode" / "launch.json").read_bytes())
    for launch in launches.configurations:
        assert not launch.pre_launch_task or launch.pre_launch_task in labels
        assert not launch.module or (ROOT / launch.module / "__main__.py").exists()


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_workflows_name_only_what_there_is(file: Path) -> None:
    jobs = _workflow(file).jobs
    for job in jobs.values():
        needs = [job.needs] if isinstance(job.needs, str) else job.needs
        assert {need for need in needs if need} <= set(jobs)
        for used in [job.uses, *(step.uses for step in job.steps)]:
            # An action is a commit, which nobody can move; a workflow of our own is a file.
            local = used.startswith("./") and (ROOT / used).exists()
            assert not used or local or re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", used), used
        commands = " ".join(step.run for step in job.steps)
        assert _asked_of_make(commands) <= _targets()
        for path in re.findall(r"[\w.-]+/[\w./-]+\.\w+", commands):
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_workflows_may_do_little_and_hold_no_secret(file: Path) -> None:
    workflow = _workflow(file)
    assert workflow.permissions == {"contents": "read"}
    for name, job in workflow.jobs.items():
        more = {"contents": "read", "id-token": "write"} if name == "deploy" else {}
        assert job.permissions == more
        assert not job.steps or job.timeout_minutes > 0
    assert "secrets." not in file.read_text()


def test_azd_finds_the_service_and_its_resources() -> None:
    project = _AzureYaml.model_validate(yaml.safe_load((ROOT / "azure.yaml").read_text()))
    infra = ROOT / project.infra.path
    assert (infra / f"{project.infra.module}.bicep").exists()
    assert (infra / f"{project.infra.module}.parameters.json").exists()
    for service in project.services.values():
        assert (service.language, service.host) == ("python", "function")
        assert (ROOT / service.project / "function_app.py").exists()


@pytest.mark.parametrize("listing", [".gitignore", ".funcignore"])
def test_a_file_that_holds_keys_goes_nowhere(listing: str) -> None:
    ignored = GitIgnoreSpec.from_lines((ROOT / listing).read_text().splitlines())
    for name in (".env", ".azure/personalizer/.env", ".local/keys.json", "local.settings.json"):
        assert ignored.match_file(name), name
