"""Commands that need Azure can't be run here; what they name in this project must be there."""

from __future__ import annotations

import re
import subprocess
from dataclasses import fields

from pydantic.alias_generators import to_camel

from loop.configuration import ServiceConfiguration
from tests.docs.markdown import Block, blocks
from tests.docs.test_walkthroughs import DEPLOY, README, needs_azure
from tests.service import ROOT

INFRA = ROOT / "infra"

_GIVEN_BY_THE_SHELL = {"RANDOM"}
_SET = re.compile(r"(?:^|\s|;)(?:for )?([A-Za-z_]\w*)(?:=| in )", re.MULTILINE)
_USED = re.compile(r"\$\{?([A-Za-z_]\w*)")
_PARAMETER = re.compile(r"^param (\w+) ", re.MULTILINE)
_OUTPUT = re.compile(r"^output (\w+) ", re.MULTILINE)


def typed() -> list[Block]:
    """All blocks of commands, of both pages."""
    return [block for page in (README, DEPLOY) for block in blocks(page) if block.language == "sh"]


def commands() -> str:
    """What calls Azure, with continued lines joined."""
    return "".join(block.text for block in typed() if needs_azure(block)).replace("\\\n", " ")


def test_they_are_a_shell_s_language() -> None:
    for block in typed():
        checked = subprocess.run(
            ["bash", "-n"], input=block.text, capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, f"{block.place}: {checked.stderr}"


def test_no_variable_is_used_before_it_is_set() -> None:
    for page in (README, DEPLOY):
        known = set(_GIVEN_BY_THE_SHELL)
        for block in blocks(page):
            if block.language == "sh":
                known |= set(_SET.findall(block.text))
                # awk has variables of its own, in single quotes.
                unknown = set(_USED.findall(re.sub(r"'[^']*'", "", block.text))) - known
                assert not unknown, f"{block.place}: {unknown}"


def test_templates_have_the_parameters_that_are_given() -> None:
    deployments = re.findall(r"--template-file (\S+)\s+--parameters (.+)", commands())
    assert deployments
    for template, given in deployments:
        names = re.findall(r"(?:^|\s)(\w+)=", re.sub(r'"[^"]*"', '""', given))
        assert names
        assert set(names) <= set(_PARAMETER.findall((ROOT / template).read_text()))


def test_azd_is_told_what_it_hands_on_and_asked_what_it_is_given() -> None:
    told = set(re.findall(r"azd env set (\w+)", commands()))
    asked = set(re.findall(r"azd env get-value (\w+)", commands()))
    assert told
    assert asked
    assert told <= set(re.findall(r"\$\{(\w+)", (INFRA / "main.parameters.json").read_text()))
    assert asked <= set(_OUTPUT.findall((INFRA / "main.bicep").read_text()))


def test_names_in_the_text_are_of_parameters_or_of_the_configuration() -> None:
    parameters = set(_PARAMETER.findall((INFRA / "main.bicep").read_text()))
    members = {to_camel(field.name) for field in fields(ServiceConfiguration)}
    host = {"maxTelemetryItemsPerSecond"}
    named = set(re.findall(r"`([a-z]+[A-Z]\w*)`", DEPLOY.read_text()))
    assert len(named) > 10
    assert named <= parameters | members | host
