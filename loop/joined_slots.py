"""A multi-slot decision with what came of it, and its line in the joined log.

A line is what the retired service wrote for multi-slot loops (dsjson): one of ``_outcomes`` for
each slot, and in ``_ba`` what the application would have shown by itself. VW reads it with
``--dsjson --ccb_explore_adf``. Actions are counted from 0 here, other than in single-slot lines.
Members that are ours: ``Timestamp`` of each observation, ``LearningMode``, ``DeferredAction``, and
``o``, which holds the activations: they are of no slot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

import orjson

from loop.configuration import ServiceConfiguration
from loop.events import (
    Activation,
    LearningMode,
    Micros,
    MultiSlotDecision,
    Report,
    SlotDecision,
    SlotRewards,
)
from loop.features import JsonObject
from loop.joined import format_timestamp, in_window, parse_timestamp
from loop.multi_slot_model import SlotLabel
from loop.rewards import aggregate, imitation


@dataclass(frozen=True, slots=True)
class SlotReward:
    """A reward of one slot."""

    time: Micros
    value: float


@dataclass(frozen=True, slots=True)
class SlotOutcome:
    """What came of one slot of a page.

    Attributes:
        rewards: Those in the decision's window, in order of time.
        reward: Their aggregate, or the default.
    """

    rewards: tuple[SlotReward, ...]
    reward: float


@dataclass(frozen=True, slots=True)
class MultiSlotEvent:
    """A multi-slot decision with what came of it.

    Attributes:
        outcomes: One for each slot, in the order of ``decision.slots``.
        activations: When the event was activated within its window, in order of time.
        withheld: As in ``JoinedEvent``.
    """

    decision: MultiSlotDecision
    outcomes: tuple[SlotOutcome, ...]
    activations: tuple[Micros, ...] = ()
    withheld: bool = False

    @classmethod
    def of(
        cls,
        decision: MultiSlotDecision,
        reports: Sequence[Report],
        configuration: ServiceConfiguration,
    ) -> MultiSlotEvent:
        """The event as a configuration's aggregation and default reward see it.

        A reward for a slot that the event does not have is left out.

        >>> top = SlotDecision("top", (1, 0), (0.75, 0.25), baseline=0)
        >>> side = SlotDecision("side", (0,), (1.0,), baseline=1)
        >>> decision = MultiSlotDecision("e1", Micros(5), b"{}", (top, side))
        >>> rewards = SlotRewards("e1", Micros(9), (("side", 0.5), ("left", 1.0)))
        >>> event = MultiSlotEvent.of(decision, [rewards], ServiceConfiguration())
        >>> [outcome.reward for outcome in event.outcomes], event.reward
        ([0.0, 0.5], 0.5)
        """
        found: dict[str, list[SlotReward]] = {slot.id: [] for slot in decision.slots}
        activations = []
        for report in reports:
            if isinstance(report, Activation):
                activations.append(report.time)
            elif isinstance(report, SlotRewards):
                for slot, value in report.values:
                    if slot in found:
                        found[slot].append(SlotReward(report.time, value))
        outcomes = tuple([_outcome(found[slot.id], configuration) for slot in decision.slots])
        return cls(decision, outcomes, tuple(activations))

    def again(self, configuration: ServiceConfiguration) -> MultiSlotEvent:
        """As ``JoinedEvent.again``."""
        decided = self.decision.time
        outcomes = [
            _outcome(
                [r for r in outcome.rewards if in_window(r.time, decided, configuration)],
                configuration,
            )
            for outcome in self.outcomes
        ]
        activations = [t for t in self.activations if in_window(t, decided, configuration)]
        return replace(self, outcomes=tuple(outcomes), activations=tuple(activations))

    @property
    def reward(self) -> float:
        """What all slots have earned together."""
        return sum(outcome.reward for outcome in self.outcomes)

    def withhold(self) -> MultiSlotEvent:
        """The event, of which no model may learn."""
        return replace(self, withheld=True)

    def with_features(self, features: bytes) -> MultiSlotEvent:
        """The event with other features in its decision."""
        return replace(self, decision=replace(self.decision, features=features))

    @property
    def rewarded(self) -> bool:
        """Whether any reward came for any slot."""
        return any(outcome.rewards for outcome in self.outcomes)

    @property
    def activated(self) -> bool:
        """As ``JoinedEvent.activated``."""
        return not self.decision.deferred or bool(self.activations)

    @property
    def trained_rewards(self) -> tuple[float, ...]:
        """What a model is rewarded with for each slot: an apprentice for imitating its baseline."""
        if self.decision.mode is LearningMode.APPRENTICE:
            slots = self.decision.slots
            return tuple([imitation(slot.ranking[0], slot.baseline) for slot in slots])
        return tuple([outcome.reward for outcome in self.outcomes])

    @property
    def lesson(self) -> tuple[SlotLabel, ...] | None:
        """What a model learns from the event, slot by slot; None where it learns nothing."""
        decision = self.decision
        if self.withheld or not self.activated or decision.mode is LearningMode.LOGGING_ONLY:
            return None
        return tuple(
            [
                SlotLabel(slot.ranking, -reward, slot.probabilities[0])
                for slot, reward in zip(decision.slots, self.trained_rewards, strict=True)
            ]
        )

    def line(self) -> bytes:
        """As ``JoinedEvent.line``."""
        decision = self.decision
        head: JsonObject = {"Timestamp": format_timestamp(decision.time)}
        if self.lesson is None:
            head["_skipLearn"] = True
        head["Version"] = "1"
        head["EventId"] = decision.event_id
        if decision.deferred:
            head["DeferredAction"] = True
        head["LearningMode"] = decision.mode.value
        if self.activations:
            head["o"] = [self._seen(time, {}) for time in self.activations]
        trained = zip(decision.slots, self.outcomes, self.trained_rewards, strict=True)
        tail: JsonObject = {
            "_outcomes": [self._written(*slot) for slot in trained],
            "_ba": [slot.baseline for slot in decision.slots],
            "VWState": {"m": decision.model},
        }
        return b'%b,"c":%b,%b' % (
            orjson.dumps(head)[:-1],
            decision.features,
            orjson.dumps(tail)[1:],
        )

    def _written(self, slot: SlotDecision, outcome: SlotOutcome, trained: float) -> JsonObject:
        return {
            "_label_cost": -trained,
            "_id": slot.id,
            "_a": list(slot.ranking),
            "_p": list(slot.probabilities),
            "_o": [self._seen(r.time, {"v": r.value, "Index": slot.id}) for r in outcome.rewards],
            "_original_label_cost": -outcome.reward,
        }

    def _seen(self, time: Micros, reward: JsonObject) -> JsonObject:
        return {
            **reward,
            "EventId": self.decision.event_id,
            "ActionTaken": not reward,
            "Timestamp": format_timestamp(time),
        }

    @classmethod
    def from_members(cls, line: SlotLineMembers) -> MultiSlotEvent:
        """The event of a line that has been parsed; what it raises says that it is none.

        Reads the lines of the retired service as well. An observation without a ``Timestamp``
        counts as arrived with its decision. Without ``LearningMode`` the event is Online; without
        ``_ba`` each slot's draw counts as its baseline.
        """
        time = parse_timestamp(line["Timestamp"])
        outcomes = line["_outcomes"]
        baselines = line.get("_ba") or [outcome["_a"][0] for outcome in outcomes]
        decision = MultiSlotDecision(
            event_id=line["EventId"],
            time=time,
            features=orjson.dumps(line["c"]),
            slots=tuple(
                SlotDecision(o.get("_id", str(i)), tuple(o["_a"]), tuple(o["_p"]), baseline)
                for i, (o, baseline) in enumerate(zip(outcomes, baselines, strict=True))
            ),
            model=line.get("VWState", {}).get("m", ""),
            mode=LearningMode(line.get("LearningMode", LearningMode.ONLINE)),
            deferred=line.get("DeferredAction", False),
        )
        event = cls(
            decision,
            tuple([_read(outcome, time) for outcome in outcomes]),
            tuple([_time(seen, time) for seen in line.get("o", ())]),
        )
        if line.get("_skipLearn", False) and event.lesson is not None:
            return replace(event, withheld=True)
        return event


def _outcome(rewards: list[SlotReward], configuration: ServiceConfiguration) -> SlotOutcome:
    reward = aggregate(
        [reward.value for reward in rewards],
        configuration.reward_aggregation,
        configuration.default_reward,
    )
    return SlotOutcome(tuple(rewards), reward)


def _read(outcome: _Outcome, decided: Micros) -> SlotOutcome:
    rewards = [
        SlotReward(_time(seen, decided), seen["v"])
        for seen in outcome.get("_o", ())
        if not seen.get("ActionTaken", False)
    ]
    cost = outcome.get("_original_label_cost", outcome.get("_label_cost", -0.0))
    return SlotOutcome(tuple(rewards), -cost)


def _time(seen: Mapping[str, object], decided: Micros) -> Micros:
    timestamp = seen.get("Timestamp")
    return parse_timestamp(timestamp) if isinstance(timestamp, str) else decided


class _Seen(TypedDict, total=False):
    v: float
    ActionTaken: bool
    Timestamp: str


class _OutcomeAlways(TypedDict):
    _a: list[int]
    _p: list[float]


class _Outcome(_OutcomeAlways, total=False):
    _id: str
    _label_cost: float
    _o: list[_Seen]
    _original_label_cost: float


class _LineAlways(TypedDict):
    Timestamp: str
    EventId: str
    c: JsonObject
    _outcomes: list[_Outcome]


class SlotLineMembers(_LineAlways, total=False):
    """The members of a line that are read; the rest of it repeats them."""

    _ba: list[int]
    _skipLearn: bool
    o: list[_Seen]
    DeferredAction: bool
    LearningMode: str
    VWState: dict[str, str]
