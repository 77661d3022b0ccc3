"""What a rank call may say, checked once at the door."""

from __future__ import annotations

import secrets
from typing import Annotated, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    InstanceOf,
    JsonValue,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from loop.errors import InvalidRankRequest
from loop.features import JsonObject, without_ignored
from loop.validation import parse

MAX_ACTIONS = 50
LONGEST_ID = 256

T = TypeVar("T")


def empty_for_null(value: T | None) -> T | list[JsonValue]:
    return [] if value is None else value


def _made_if_missing(value: T | None) -> T | str:
    return _made_event_id() if value is None or value == "" else value


def _made_event_id() -> str:
    return f"{secrets.token_hex(16)}-{secrets.token_hex(3)[:5]}"


def _false_for_null(value: T | None) -> T | bool:
    return False if value is None else value


def _counted(actions: T) -> T:
    if isinstance(actions, list) and not 0 < len(actions) <= MAX_ACTIONS:
        raise PydanticCustomError(
            "action_count",
            "Action count should be between 1 and {most}. It is {count}",
            {"most": MAX_ACTIONS, "count": len(actions)},
        )
    return actions


def _unique(actions: list[RankAction]) -> list[RankAction]:
    seen: set[str] = set()
    for action in actions:
        if action.id in seen:
            raise PydanticCustomError(
                "same_id", "Action ids should differ, and '{id}' is given twice", {"id": action.id}
            )
        seen.add(action.id)
    return actions


Text = Annotated[str, Field(coerce_numbers_to_str=True)]
Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID, coerce_numbers_to_str=True)]
# What is inside is checked where it is read, in ``loop.vw_lines``: twice would cost a third more.
# A list ends at its first mistake, or a body full of them would take a second to refuse.
Features = Annotated[list[InstanceOf[JsonObject]], FailFast()]


class RankAction(BaseModel):
    """One of the actions to choose from."""

    model_config = ConfigDict(frozen=True)

    id: Id
    features: Features


class RankRequest(BaseModel):
    """A rank call.

    Attributes:
        context_features: Feature objects, not looked into yet; names to ignore are gone.
        actions: 1 to 50, with ids that differ; at least one is not excluded.
        excluded_actions: Ids; those of no action are there as well.
        event_id: 1 to 256 characters, made here where the caller gave none.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    context_features: Annotated[Features, BeforeValidator(empty_for_null)] = []
    actions: Annotated[
        list[RankAction], FailFast(), BeforeValidator(_counted), AfterValidator(_unique)
    ]
    excluded_actions: Annotated[frozenset[Text], FailFast(), BeforeValidator(empty_for_null)] = (
        frozenset()
    )
    event_id: Annotated[Id, BeforeValidator(_made_if_missing)] = Field(
        default_factory=_made_event_id
    )
    defer_activation: Annotated[bool, BeforeValidator(_false_for_null)] = False

    @classmethod
    def parse(cls, body: bytes) -> RankRequest:
        """Read the body of a rank call.

        Raises:
            InvalidRankRequest: With the place of what is wrong.
        """
        request = parse(cls, body, InvalidRankRequest)
        return request.model_copy(update=request.cleaned()) if needs_cleaning(body) else request

    def cleaned(self) -> dict[str, list[JsonObject] | list[RankAction]]:
        """The members that may hold names to ignore, without those."""
        return {
            "context_features": cleaned(self.context_features),
            "actions": [
                action.model_copy(update={"features": cleaned(action.features)})
                for action in self.actions
            ],
        }

    @field_validator("excluded_actions")
    @classmethod
    def _leaving_one(cls, excluded: frozenset[str], info: ValidationInfo) -> frozenset[str]:
        actions: list[RankAction] = info.data.get("actions", [])
        if actions and all(action.id in excluded for action in actions):
            raise PydanticCustomError("all_excluded", "At least one action should not be excluded")
        return excluded


def needs_cleaning(body: bytes) -> bool:
    """Whether a name in it may begin with an underscore, plain or escaped."""
    return b'"_' in body or b"\\u005" in body


def cleaned(features: list[JsonObject]) -> list[JsonObject]:
    """Feature objects without the names to ignore."""
    return cast("list[JsonObject]", without_ignored(cast(JsonValue, features)))
