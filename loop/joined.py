"""A decision with what came of it, and its line in the joined log.

A line is what the retired service wrote (dsjson), so that whatever read its logs reads ours; VW
does, with ``--dsjson``. Members that are ours, and ignored by those readers: ``Timestamp`` of each
observation in ``o``, and ``LearningMode``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import TypedDict

import orjson

from loop.configuration import ServiceConfiguration
from loop.events import (
    SECOND,
    Activation,
    Decision,
    LearningMode,
    Micros,
    Report,
    Reward,
    SlotRewards,
)
from loop.features import JsonObject
from loop.iso import parse_instant
from loop.joining import EARLY, Unjoined
from loop.rewards import aggregate, imitation

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)

Observations = tuple[Reward | Activation, ...]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a model is taught: ``action`` (an index) cost ``cost``, drawn with ``probability``."""

    action: int
    cost: float
    probability: float


@dataclass(frozen=True, slots=True)
class JoinedEvent:
    """A decision with what came of it.

    Attributes:
        observations: Rewards and activations in the decision's window, in order of time.
        reward: The aggregate of the rewards, or the default: what every metric uses.
        withheld: No model may learn from it, though it is an activated decision of a learning
            loop: its features or its reward are beyond what a model takes.
    """

    decision: Decision
    observations: Observations
    reward: float
    withheld: bool = False

    @classmethod
    def of(
        cls, decision: Decision, reports: Sequence[Report], configuration: ServiceConfiguration
    ) -> JoinedEvent:
        """The event as a configuration's aggregation and default reward see it.

        Rewards for slots are none of its own: it has no slots.

        >>> reward = Reward("e1", Micros(9), 0.5)
        >>> decision = Decision("e1", Micros(5), b"{}", (1, 0), (0.75, 0.25))
        >>> JoinedEvent.of(decision, (reward,), ServiceConfiguration()).lesson
        Lesson(action=1, cost=-0.5, probability=0.75)
        """
        observations = tuple([o for o in reports if not isinstance(o, SlotRewards)])
        return cls(decision, observations, _aggregated(observations, configuration))

    def again(self, configuration: ServiceConfiguration) -> JoinedEvent:
        """The event as another configuration sees it, its wait and aggregation included.

        Rewards that came after the wait that the event was joined under are not in it, so a
        longer wait finds no more of them.
        """
        decided = self.decision.time
        kept = tuple(o for o in self.observations if in_window(o.time, decided, configuration))
        return replace(self, observations=kept, reward=_aggregated(kept, configuration))

    def withhold(self) -> JoinedEvent:
        """The event, of which no model may learn."""
        return replace(self, withheld=True)

    def with_features(self, features: bytes) -> JoinedEvent:
        """The event with other features in its decision."""
        return replace(self, decision=replace(self.decision, features=features))

    @property
    def rewarded(self) -> bool:
        """Whether any reward came; without one ``reward`` is the default."""
        return any(isinstance(o, Reward) for o in self.observations)

    @property
    def activated(self) -> bool:
        """Whether the decision was put to use: at once, or by an activation in its window."""
        return not self.decision.deferred or any(
            isinstance(o, Activation) for o in self.observations
        )

    @property
    def trained_reward(self) -> float:
        """What a model is rewarded with: an apprentice for imitating the baseline."""
        if self.decision.mode is LearningMode.APPRENTICE:
            return imitation(self.decision.ranking[0])
        return self.reward

    @property
    def lesson(self) -> Lesson | None:
        """What a model learns from the event; None where it learns nothing."""
        decision = self.decision
        if self.withheld or not self.activated or decision.mode is LearningMode.LOGGING_ONLY:
            return None
        return Lesson(decision.ranking[0], -self.trained_reward, decision.probabilities[0])

    def line(self) -> bytes:
        """The event's line in the joined log, without a line end.

        ``decision.features`` goes into it as it is, and has to be JSON without a line end.
        """
        decision = self.decision
        choice = decision.ranking[0]
        head: JsonObject = {
            "_label_cost": -self.trained_reward,
            "_label_probability": decision.probabilities[0],
            "_label_Action": choice + 1,
            "_labelIndex": choice,
        }
        if self.lesson is None:
            head["_skipLearn"] = True
        head["o"] = [_observed(o) for o in self.observations]
        head["Timestamp"] = format_timestamp(decision.time)
        head["Version"] = "1"
        head["EventId"] = decision.event_id
        if decision.deferred:
            head["DeferredAction"] = True
        head["LearningMode"] = decision.mode.value
        head["a"] = [action + 1 for action in decision.ranking]
        tail: JsonObject = {
            "p": list(decision.probabilities),
            "VWState": {"m": decision.model},
            "_original_label_cost": -self.reward,
        }
        return b'%b,"c":%b,%b' % (
            orjson.dumps(head)[:-1],
            decision.features,
            orjson.dumps(tail)[1:],
        )

    @classmethod
    def from_line(cls, line: bytes) -> JoinedEvent:
        """The inverse of ``line``; reads the lines of the retired service as well.

        An observation without a ``Timestamp`` counts as arrived with its decision. Without
        ``LearningMode`` the event is Online.

        Raises:
            ValueError: The line is not one of a joined log.
        """
        try:
            return cls.from_members(orjson.loads(line))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a line of a joined log: {error!r}") from error

    @classmethod
    def from_members(cls, line: LineMembers) -> JoinedEvent:
        """The event of a line that has been parsed; what it raises says that it is none."""
        time = parse_timestamp(line["Timestamp"])
        decision = Decision(
            event_id=line["EventId"],
            time=time,
            features=orjson.dumps(line["c"]),
            ranking=tuple(action - 1 for action in line["a"]),
            probabilities=tuple(line["p"]),
            model=line.get("VWState", {}).get("m", ""),
            mode=LearningMode(line.get("LearningMode", LearningMode.ONLINE)),
            deferred=line.get("DeferredAction", False),
        )
        cost = line.get("_original_label_cost", line.get("_label_cost", -0.0))
        observations = tuple(_observation(o, decision) for o in line.get("o", ()))
        event = cls(decision, observations, reward=-cost)
        if line.get("_skipLearn", False) and event.lesson is not None:
            return replace(event, withheld=True)
        return event


def unjoined_line(unjoined: Unjoined) -> bytes:
    """The line, in the log of late rewards, of an observation that no event was learned with.

    >>> unjoined_line(Unjoined(Activation("e1", Micros(0)), late=5))[:36]
    b'{"EventId":"e1","ActionTaken":true,"'
    """
    observation = unjoined.observation
    if isinstance(observation, SlotRewards):
        seen: JsonObject = {
            "slots": [{"Index": slot, "v": value} for slot, value in observation.values],
            "EventId": observation.event_id,
            "ActionTaken": False,
            "Timestamp": format_timestamp(observation.time),
        }
    else:
        seen = _observed(observation)
    return orjson.dumps({**seen, "late": unjoined.late > 0})


def in_window(time: int, decided: int, configuration: ServiceConfiguration) -> bool:
    """Whether what was observed at ``time`` belongs to what was decided at ``decided``."""
    return -EARLY < time - decided < configuration.reward_wait_time // _MICROSECOND


class _SeenAlways(TypedDict):
    EventId: str


class _Seen(_SeenAlways, total=False):
    v: float
    ActionTaken: bool
    Timestamp: str


class _LineAlways(TypedDict):
    Timestamp: str
    EventId: str
    a: list[int]
    c: JsonObject
    p: list[float]


class LineMembers(_LineAlways, total=False):
    """The members of a line that are read; the rest of it repeats them."""

    _label_cost: float
    _skipLearn: bool
    o: list[_Seen]
    DeferredAction: bool
    LearningMode: str
    VWState: dict[str, str]
    _original_label_cost: float


def _aggregated(observations: Observations, configuration: ServiceConfiguration) -> float:
    return aggregate(
        [o.value for o in observations if isinstance(o, Reward)],
        configuration.reward_aggregation,
        configuration.default_reward,
    )


def _observed(observation: Reward | Activation) -> JsonObject:
    seen: JsonObject = {} if isinstance(observation, Activation) else {"v": observation.value}
    seen["EventId"] = observation.event_id
    seen["ActionTaken"] = isinstance(observation, Activation)
    seen["Timestamp"] = format_timestamp(observation.time)
    return seen


def _observation(seen: _Seen, decision: Decision) -> Reward | Activation:
    time = parse_timestamp(seen["Timestamp"]) if "Timestamp" in seen else decision.time
    if seen.get("ActionTaken", False):
        return Activation(decision.event_id, time)
    return Reward(decision.event_id, time, seen["v"], nonce="")


def format_timestamp(time: Micros) -> str:
    """A time as the log writes it: UTC, with seven decimals.

    >>> format_timestamp(Micros(1_612_456_289_246_000))
    '2021-02-04T16:31:29.2460000Z'
    """
    seconds, micros = divmod(time, SECOND)
    return f"{_second(seconds)}.{micros:06d}0Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def parse_timestamp(text: str) -> Micros:
    """The inverse of ``format_timestamp``; other ISO 8601 forms are read as well.

    Raises:
        ValueError: The text is no date and time.
    """
    return Micros((parse_instant(text) - _EPOCH) // _MICROSECOND)
