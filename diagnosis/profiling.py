"""Makes the profile of a sample of the log: `python -m diagnosis.profiling FOLDER`.

A process of its own, so that nobody waits while it reads. In its folder are the lines of the
sample (``sample``) and those of rewards that came to nothing (``strays``); it leaves ``profile``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import orjson

from diagnosis.choice_sketch import (
    ID_NAMESPACE,
    ActionsSketch,
    ChoiceSketch,
    action_ids,
    features_but_id,
)
from diagnosis.feature_sketch import FeatureSketches
from diagnosis.leaves import Leaf, leaves
from diagnosis.profile import Place, Profile
from diagnosis.reward_sketch import RewardSketch, StraySketch
from loop.events import Micros
from loop.features import FeatureTree, JsonObject, JsonValue, tree_of
from loop.joined import parse_timestamp
from loop.joined_log import Event, read_line

SAMPLE, STRAYS, PROFILE = "sample", "strays", "profile"
_ACTIONS_OF_A_CALL = 2


class Profiler:
    """Takes in events one by one, in order of time, in bounded memory."""

    def __init__(self) -> None:
        self._events = 0
        self._first = Micros(0)
        self._last = Micros(0)
        self._bytes = 0
        self._width = 0.0
        self._features = FeatureSketches()
        self._actions = ActionsSketch()
        self._choices = ChoiceSketch()
        self._rewards = RewardSketch()
        self._strays = StraySketch()

    def add(self, event: Event) -> None:
        """Take in an event; one whose features can't be read counts for its reward only."""
        time = event.decision.time
        self._first = self._first or time
        self._last = time
        self._rewards.add(event)
        self._strays.decided(event)
        self._events += 1
        try:
            tree = tree_of(event.decision.features)
        except ValueError:
            return
        self._bytes += len(event.decision.features)
        self._add_tree(event, tree)

    def _add_tree(self, event: Event, tree: FeatureTree) -> None:
        number = self._events
        actions = cast("list[JsonObject]", tree["_multi"])
        ids = action_ids(actions)
        context = list(leaves(cast(JsonObject, tree)))
        self._features.add(number, Place.CONTEXT, context)
        self._actions.add(ids, actions, bool(context))
        looked = {(number + step) % len(actions) for step in range(_ACTIONS_OF_A_CALL)}
        own = {index: list(leaves(features_but_id(actions[index]))) for index in looked}
        for index, found in own.items():
            self._features.add(number, Place.ACTION, found, ids[index])
            if ID_NAMESPACE in actions[index]:
                self._features.see(number, Place.ACTION, ID_NAMESPACE)
        for slot in tree.get("_slots", []):
            features = leaves(cast(JsonObject, slot))
            self._features.add(number, Place.SLOT, features, str(slot.get("_id")))
        self._width += _width(context) + sum(map(_width, own.values())) / len(own)
        self._choices.add(event, ids, _as_key(context))

    def stray(self, event_id: str, time: Micros, late: bool) -> None:
        """Take in a reward that no event was learned with, after all events."""
        self._strays.strayed(event_id, time, late)

    def profile(self) -> Profile | None:
        """What is known by now; None of no event."""
        if not self._events:
            return None
        features = self._features.features()
        return Profile(
            first=self._first,
            last=self._last,
            events=self._events,
            bytes=self._bytes / self._events,
            width=self._width / self._events,
            features=features,
            features_once=sum(feature.events == 1 for feature in features),
            features_left_out=self._features.left_out,
            namespaces=self._features.namespaces(),
            actions=self._actions.profile(),
            propensities=self._choices.propensities(),
            newest=self._choices.newest(),
            modelless_until=self._choices.modelless_until,
            favourite=self._choices.favourite(),
            rewards=self._rewards.profile(),
            strays=self._strays.profile(),
            performance=self._choices.performance(),
        )


def _width(found: Iterable[Leaf]) -> int:
    return sum(len(leaf.value) if isinstance(leaf.value, list) else 1 for leaf in found)


def _as_key(context: Iterable[Leaf]) -> tuple[Leaf, ...]:
    """The features as something that can be compared and hashed."""
    return tuple([leaf._replace(value=_flat(leaf.value)) for leaf in context])


def _flat(value: JsonValue) -> JsonValue:
    return str(value) if isinstance(value, (list, dict)) else value


def profiled(sample: Iterable[bytes], strays: Iterable[bytes]) -> Profile | None:
    """The profile of lines of the joined log, and of lines of the log of late rewards.

    Lines that can't be read are left out.
    """
    profiler = Profiler()
    for event in map(_event, sample):
        if event is not None:
            profiler.add(event)
    for stray in map(_stray, strays):
        if stray is not None:
            profiler.stray(*stray)
    return profiler.profile()


def _event(line: bytes) -> Event | None:
    try:
        return read_line(line)
    except ValueError:
        return None


def _stray(line: bytes) -> tuple[str, Micros, bool] | None:
    """Event id and time of a reward, and whether it was late; None of an activation."""
    try:
        members = orjson.loads(line)
        if members["ActionTaken"]:
            return None
        time = parse_timestamp(members["Timestamp"])
        return str(members["EventId"]), time, bool(members["late"])
    except (KeyError, TypeError, ValueError):
        return None


def main(folder: Path) -> None:
    """Read ``SAMPLE`` and ``STRAYS`` in the folder, and leave ``PROFILE`` there."""
    with (folder / SAMPLE).open("rb") as sample, (folder / STRAYS).open("rb") as strays:
        profile = profiled(sample, strays)
    text = "null" if profile is None else profile.model_dump_json()
    (folder / PROFILE).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
