"""What a multi-slot rank call may say, checked once at the door."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast
from pydantic.alias_generators import to_camel

from loop.errors import InvalidRankRequest
from loop.validation import parse
from rank.request import Features, Id, RankRequest, Text, cleaned, empty_for_null, needs_cleaning


class RankSlot(BaseModel):
    """One of the slots to choose for.

    Attributes:
        features: As those of an action; may be missing.
        excluded_actions: Ids; those of no action are there as well.
        baseline_action: The id of an action that is not excluded, and of no other slot's.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    id: Id
    features: Annotated[Features, BeforeValidator(empty_for_null)] = []
    excluded_actions: Annotated[frozenset[Text], FailFast(), BeforeValidator(empty_for_null)] = (
        frozenset()
    )
    baseline_action: Id


class MultiSlotRankRequest(RankRequest):
    """A multi-slot rank call.

    Attributes:
        excluded_actions: They are excluded from every slot.
        slots: In the order that they are chosen for; not more than actions that are not excluded.
    """

    slots: Annotated[list[RankSlot], FailFast()]

    @classmethod
    def parse(cls, body: bytes) -> MultiSlotRankRequest:
        """Read the body of a multi-slot rank call.

        Raises:
            InvalidRankRequest: With the place of what is wrong, such as
                ``slots[1].baselineAction``.
        """
        request = parse(cls, body, InvalidRankRequest)
        _check_slots(request)
        if not needs_cleaning(body):
            return request
        slots = [s.model_copy(update={"features": cleaned(s.features)}) for s in request.slots]
        return request.model_copy(update={**request.cleaned(), "slots": slots})

    def included(self) -> list[list[int]]:
        """For each slot the indices of the actions that it may be given.

        A slot whose actions the slots before it could all take keeps its baseline for itself, so
        that none is ever left without an action.

        >>> actions = b'"actions": [{"id": "a", "features": []}, {"id": "b", "features": []}]'
        >>> top = b'{"id": "top", "baselineAction": "a"}'
        >>> side = b'{"id": "side", "baselineAction": "b", "excludedActions": ["a"]}'
        >>> body = b'{%b, "slots": [%b, %b]}' % (actions, top, side)
        >>> MultiSlotRankRequest.parse(body).included()
        [[0], [1]]
        """
        ids = [action.id for action in self.actions]
        free = [index for index, name in enumerate(ids) if name not in self.excluded_actions]
        included = [[i for i in free if ids[i] not in slot.excluded_actions] for slot in self.slots]
        for place in reversed(range(len(included))):
            if len(included[place]) <= place:
                baseline = ids.index(self.slots[place].baseline_action)
                for before in included[:place]:
                    if baseline in before:
                        before.remove(baseline)
        return included


def _check_slots(request: MultiSlotRankRequest) -> None:
    ids = {action.id for action in request.actions} - request.excluded_actions
    if not 0 < len(request.slots) <= len(ids):
        raise InvalidRankRequest(
            f"Slot count should be between 1 and {len(ids)}, the number of actions that are not"
            f" excluded. It is {len(request.slots)}.",
            "slots",
        )
    _check_differing("id", (slot.id for slot in request.slots))
    for place, slot in enumerate(request.slots):
        target = f"slots[{place}].baselineAction"
        if slot.baseline_action not in ids:
            raise InvalidRankRequest(
                f"{target} should be the id of an action that is not excluded"
                f" (it is '{slot.baseline_action}').",
                target,
            )
        if slot.baseline_action in slot.excluded_actions:
            raise InvalidRankRequest(
                f"{target} should not be one of the slot's own excludedActions"
                f" (it is '{slot.baseline_action}').",
                target,
            )
    _check_differing("baselineAction", (slot.baseline_action for slot in request.slots))


def _check_differing(member: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for place, value in enumerate(values):
        if value in seen:
            target = f"slots[{place}].{member}"
            raise InvalidRankRequest(
                f"{target} should differ from those of the slots before (it is '{value}').", target
            )
        seen.add(value)
