"""The lines of the joined log, of both kinds of decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import orjson

from loop.configuration import ServiceConfiguration
from loop.events import Decision, MultiSlotDecision, Ranked, Report, Reward, SlotRewards
from loop.joined import JoinedEvent, LineMembers
from loop.joined_slots import MultiSlotEvent, SlotLineMembers

Event = JoinedEvent | MultiSlotEvent
"""A decision with what came of it, of either kind."""


def join(decision: Ranked, reports: Sequence[Report], configuration: ServiceConfiguration) -> Event:
    """The event of a decision and of what was reported in its window."""
    if isinstance(decision, Decision):
        return JoinedEvent.of(decision, reports, configuration)
    return MultiSlotEvent.of(decision, reports, configuration)


def without_slot(decision: Ranked, reports: Sequence[Report]) -> int:
    """How many of the rewards are for a slot that the decision does not have.

    >>> without_slot(Decision("e1", 5, b"{}", (0,), (1.0,)), [SlotRewards("e1", 9, (("a", 1.0),))])
    1
    """
    known = (
        {slot.id for slot in decision.slots} if isinstance(decision, MultiSlotDecision) else set()
    )
    count = 0
    for report in reports:
        if isinstance(report, SlotRewards):
            count += sum(slot not in known for slot, _ in report.values)
        elif isinstance(report, Reward) and isinstance(decision, MultiSlotDecision):
            count += 1
    return count


def read_line(line: bytes) -> Event:
    """The inverse of ``line`` of an event; reads the lines of the retired service as well.

    Raises:
        ValueError: The line is not one of a joined log.
    """
    try:
        members = orjson.loads(line)
        if "_outcomes" in members:
            return MultiSlotEvent.from_members(cast(SlotLineMembers, members))
        return JoinedEvent.from_members(cast(LineMembers, members))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"not a line of a joined log: {error!r}") from error
