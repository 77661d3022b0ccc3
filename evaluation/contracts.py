"""What an evaluation is asked for, checked before anything is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from evaluation.jobs import MOST_CUSTOM_POLICIES
from evaluation.search import CURRENT
from loop.errors import (
    DuplicateCustomPolicyNames,
    InvalidEvaluationContract,
    InvalidInput,
    InvalidPolicyConfiguration,
)
from loop.events import LoopKind, Micros
from loop.iso import micros_of, parse_instant
from loop.learning_settings import check, kind_of
from loop.settings import Policy
from loop.validation import parse

LONGEST_ID = 256
RESERVED_NAMES = ("online", "baseline1", "baselineRand", CURRENT)
"""What an evaluation judges beside the custom policies, by these names."""

_Name = Annotated[str, Field(min_length=1, max_length=256)]


class _Policy(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    name: _Name
    arguments: Annotated[str, Field(max_length=1024)]


class EvaluationContract(BaseModel):
    """The body of a call that creates an evaluation.

    The switch has one name in v1 and another in 2022; clients of one generation have sent that of
    the other, so both are read.
    """

    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_camel)

    name: _Name
    start_time: str
    end_time: str
    enable_offline_experimentation: bool | None = None
    enable_policy_optimization: bool | None = None
    policies: list[_Policy] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be evaluated.

    Attributes:
        start: Events decided from here to before ``end``, which lies after it.
        optimises: Whether better policies are to be looked for.
        policies: The custom ones, with names that differ.
    """

    name: str
    start: Micros
    end: Micros
    optimises: bool
    policies: tuple[Policy, ...]


def read_contract(body: bytes) -> Asked:
    """Read what a call asks for; the arguments of policies are not judged yet.

    Raises:
        InvalidEvaluationContract: A member is missing, mistyped or too long, the range is empty or
            reversed, or there are more than ``MOST_CUSTOM_POLICIES`` policies.
        DuplicateCustomPolicyNames: Two policies have one name, or one has a reserved name.

    >>> read_contract(b'{"name": "n", "startTime": "2024-01-01", "endTime": "2024-02-01"}').name
    'n'
    """
    contract = parse(EvaluationContract, body, InvalidEvaluationContract)
    start, end = read_range(contract.start_time, contract.end_time, InvalidEvaluationContract)
    policies = contract.policies or []
    if len(policies) > MOST_CUSTOM_POLICIES:
        raise InvalidEvaluationContract(
            f"There are {len(policies)} policies; {MOST_CUSTOM_POLICIES} are allowed.", "policies"
        )
    _check_names([policy.name for policy in policies])
    return Asked(
        name=contract.name,
        start=start,
        end=end,
        optimises=bool(
            contract.enable_offline_experimentation or contract.enable_policy_optimization
        ),
        policies=tuple(
            [Policy(name=policy.name, arguments=policy.arguments) for policy in policies]
        ),
    )


def check_policies(policies: Sequence[Policy], kind: LoopKind) -> None:
    """Accept custom policies that could be those of a loop of this kind; builds their models.

    Raises:
        InvalidPolicyConfiguration: An option is not allowed, VW rejects the arguments, or they are
            for a loop of the other kind; the target is the place of the first such policy.
    """
    for number, policy in enumerate(policies):
        place = f"policies[{number}].arguments"
        try:
            check(policy.arguments)
        except InvalidPolicyConfiguration as error:
            message = f"Policy '{policy.name}': {error.message}"
            raise InvalidPolicyConfiguration(message, place) from None
        if kind_of(policy.arguments) is not kind:
            raise InvalidPolicyConfiguration(
                f"Policy '{policy.name}' is for a {kind_of(policy.arguments).value} loop, and this"
                f" one is {kind.value}.",
                place,
            )


def check_id(
    job_id: str,
    parameter: str = "evaluationId",
    error: type[InvalidInput] = InvalidEvaluationContract,
) -> None:
    """Accept an id that can be named in a path.

    Raises:
        InvalidInput: An ``error``: it is too long, or holds what a path can't.
    """
    if not 1 <= len(job_id) <= LONGEST_ID:
        raise error(
            f"The id should have 1 to {LONGEST_ID} characters, and has {len(job_id)}.", parameter
        )
    unfit = job_id in (".", "..") or "/" in job_id or "\\" in job_id
    if unfit or not job_id.isprintable():
        raise error(
            "The id should hold no slash and nothing unprintable, and not be '.' or '..'.",
            parameter,
        )


def read_range(start_time: str, end_time: str, error: type[InvalidInput]) -> tuple[Micros, Micros]:
    """The range of time from ``startTime`` to before ``endTime``.

    Raises:
        InvalidInput: An ``error``: one is no time, or the end does not come after the start.
    """
    start = _instant(start_time, "startTime", error)
    end = _instant(end_time, "endTime", error)
    if start >= end:
        raise error(f"endTime '{end_time}' should be after startTime '{start_time}'.", "endTime")
    return start, end


def _instant(text: str, member: str, error: type[InvalidInput]) -> Micros:
    try:
        return micros_of(parse_instant(text))
    except ValueError:
        raise error(
            f"{member} should be a date and time such as '2026-01-19T00:00:00Z' (it is"
            f" '{text[:40]}').",
            member,
        ) from None


def _check_names(names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        place = f"policies[{number}].name"
        if name in RESERVED_NAMES:
            raise DuplicateCustomPolicyNames(
                f"'{name}' is the name of a policy that every evaluation has: give it another one.",
                place,
            )
        if name in names[:number]:
            raise DuplicateCustomPolicyNames(f"Two policies have the name '{name}'.", place)
