"""`python -m cli doctor`: asks a running service how a loop does, and prints what to do about it.

Ends with 0 where nothing is wrong, with 1 where there is a problem, and with 2 where the service
could not be asked.
"""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from enum import IntEnum
from textwrap import fill

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from cli.access import DEFAULT_ENDPOINT, KEY_VARIABLE, Access, NoKey, find_access
from cli.service import CallFailed, Patience, Service
from diagnosis.findings import Severity

_WIDTH = 92
_BADGES = {
    Severity.PROBLEM.word: "PROBLEM",
    Severity.WARNING.word: "WARNING",
    Severity.ADVICE.word: "advice",
    Severity.FINE.word: "fine",
}


class Exit(IntEnum):
    """How the command ends."""

    WELL = 0
    PROBLEMS = 1
    NOT_ASKED = 2
    INTERRUPTED = 130


class _Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _Finding(_Shape):
    id: str
    severity: str
    title: str
    text: str
    what_to_do: str


class _Learning(_Shape):
    text: str
    mode: str


class _Model(_Shape):
    last_updated: str | None
    next_update_due: str | None
    policy: str


class _Events(_Shape):
    decisions: int
    learned: int
    defaulted: int
    duplicates: int
    not_activated: int
    dropped: int
    rewards: int
    joined: int
    late: int
    orphaned: int


class _Diagnosis(_Shape):
    summary: str
    learning: _Learning
    model: _Model
    events: _Events
    findings: list[_Finding]
    generated_at: str
    sampled_events: int
    sampled_until: str | None


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--endpoint", default=DEFAULT_ENDPOINT, help="default: %(default)s")
    parser.add_argument(
        "--key", help=f"default: {KEY_VARIABLE}, or the key that `make run` has made"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the answer of GET /diagnostics as it is"
    )


def run(arguments: Namespace) -> int:
    """Do what the command line asks for and return the exit code."""
    try:
        access = find_access(arguments.endpoint, arguments.key)
        answer = asyncio.run(_ask(access))
        found = _Diagnosis.model_validate_json(answer)
    except NoKey as error:
        return _fail(str(error))
    except CallFailed as failure:
        return _fail(_hinted(failure, arguments.endpoint))
    except ValidationError:
        return _fail(f"the answer of {arguments.endpoint} is no diagnosis: what answers there?")
    except KeyboardInterrupt:
        print("doctor: ended early", file=sys.stderr)
        return Exit.INTERRUPTED
    print(answer.decode() if arguments.json else "\n".join(_lines(found)))
    problem = any(finding.severity == Severity.PROBLEM.word for finding in found.findings)
    return Exit.PROBLEMS if problem else Exit.WELL


async def _ask(access: Access) -> bytes:
    async with Service(access, connections=1, patience=Patience()) as service:
        return await service.diagnostics()


def _hinted(failure: CallFailed, endpoint: str) -> str:
    if failure.kind.startswith("404"):
        return f"{failure} Is {endpoint} an Open Personalizer that can be diagnosed?"
    return str(failure)


def _fail(message: str) -> int:
    print(f"doctor: {message}", file=sys.stderr)
    return Exit.NOT_ASKED


def _lines(found: _Diagnosis) -> Iterator[str]:
    yield _wrapped(found.summary, "")
    yield ""
    model, events = found.model, found.events
    updated = model.last_updated or "none yet"
    due = f", the next is due {model.next_update_due}" if model.next_update_due else ""
    yield f"model    {updated}{due} (policy {model.policy}, mode {found.learning.mode})"
    yield (
        f"events   {events.decisions:,} decisions: {events.learned:,} learned,"
        f" {events.defaulted:,} without a reward, {events.duplicates:,} duplicates,"
        f" {events.not_activated:,} not activated, {events.dropped:,} dropped"
    )
    yield (
        f"rewards  {events.rewards:,} received: {events.joined:,} joined, {events.late:,} late,"
        f" {events.orphaned:,} orphaned"
    )
    sampled = f", until {found.sampled_until}" if found.sampled_until else ""
    yield f"sample   {found.sampled_events:,} events{sampled}; asked {found.generated_at}"
    yield _wrapped(found.learning.text, "learning ")
    for finding in found.findings:
        yield ""
        yield f"{_BADGES.get(finding.severity, finding.severity)}  {finding.title}  [{finding.id}]"
        yield _wrapped(finding.text, "  ")
        if finding.what_to_do:
            yield _wrapped(finding.what_to_do, "  → ")


def _wrapped(text: str, first: str) -> str:
    return fill(text, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first))
