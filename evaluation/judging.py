"""How events of the joined log are judged: with what weight each choice counts for which policy.

The weight of a choice is the chance that a policy would have given it, over its propensity:

    online      1
    baseline    1 / p where the choice is the baseline's, else 0
    random      (1 / K) / p, with K actions to choose from
    contender   π(choice) / p, where π is of its model before it learns from the event

The last is progressive validation (Blum, Kalai and Langford, COLT 1999): as no event has been
learned from when it is judged, the log need not be parted into one to learn from and one to judge.

In ``APPRENTICE`` and ``LOGGING_ONLY`` the application showed the baseline for certain: such a
choice counts for online and baseline, with weight 1. For others it counts nothing, since what they
would have earned with another action was never seen; contenders still learn what a trainer would.

Each slot of a page is judged by itself, and given what the slots before it were given. That is
what a policy would earn there beside the online policy; a product of weights over all slots would
be exact for the page as a whole, and no event of a longer page would keep a weight above 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType

from evaluation.jobs import BUCKET, Bucket, JudgedSlot
from loop.choices import Choice, choices
from loop.estimates import Sums
from loop.events import Micros
from loop.joined import Lesson
from loop.joined_log import Event
from loop.model import Model, ModelError
from loop.models import open_model
from loop.multi_slot_model import AskedSlot, MultiSlotModel, SlotLabel

MOST_SLOTS = 200
"""How many ids of slots are kept apart; pages may make up ever new ones."""

OTHER_SLOTS = "(others)"
"""The id that slots count under which come when ``MOST_SLOTS`` are known."""

MOST_CELLS = 10_000
"""How many sums a ``Series`` holds: 34 days of 5 minutes, with one slot."""


class Series:
    """What a policy has earned, by slot and by the time of the decision.

    It grows coarser rather than without bound: at more than ``MOST_CELLS`` sums, ``width`` doubles.

    Attributes:
        width: How long the stretches are that sums are kept of, counted from 1970.

    >>> series = Series()
    >>> series.add("", Micros(7), 2.0, 0.5)
    >>> series.total("").reward, Series.of(series.judged()).judged() == series.judged()
    (0.5, True)
    """

    def __init__(self) -> None:
        self.width = BUCKET
        self._slots: dict[str, dict[int, Sums]] = {}
        self._cells = 0

    def add(self, slot: str, time: Micros, weight: float, reward: float) -> None:
        """Take in a choice that was decided at ``time``."""
        self._sums(slot, time).add(weight, reward)

    def include(self, other: Series) -> None:
        """Take in what was judged elsewhere, such as in a later part of the log."""
        while self.width < other.width:
            self._coarsen()
        for slot, cells in other._slots.items():
            for number, sums in cells.items():
                self._sums(slot, number * other.width).include(sums)

    def slots(self) -> list[str]:
        """The ids of the slots, in the order that they came."""
        return list(self._slots)

    def total(self, slot: str) -> Sums:
        """The sums of a slot over all times; empty where it never came."""
        total = Sums()
        for sums in self._slots.get(slot, {}).values():
            total.include(sums)
        return total

    def judged(self) -> tuple[JudgedSlot, ...]:
        """The sums as a document keeps them."""
        return tuple(
            [
                JudgedSlot(
                    slot=slot,
                    width=self.width,
                    buckets=tuple(
                        [
                            Bucket(
                                start=Micros(number * self.width),
                                events=sums.events,
                                matched=sums.matched,
                                w=sums.w,
                                wr=sums.wr,
                                ww=sums.ww,
                                wwr=sums.wwr,
                                wwrr=sums.wwrr,
                                lowest=sums.lowest,
                                highest=sums.highest,
                            )
                            for number, sums in sorted(cells.items(), key=lambda cell: cell[0])
                        ]
                    ),
                )
                for slot, cells in self._slots.items()
            ]
        )

    @classmethod
    def of(cls, slots: Iterable[JudgedSlot]) -> Series:
        """The inverse of ``judged``, to go on with."""
        series = cls()
        for slot in slots:
            series.width = slot.width
            for bucket in slot.buckets:
                series._sums(slot.slot, bucket.start).include(sums_of(bucket))
        return series

    def _sums(self, slot: str, time: int) -> Sums:
        cells = self._slots.get(slot)
        if cells is None:
            slot = slot if len(self._slots) < MOST_SLOTS else OTHER_SLOTS
            cells = self._slots.setdefault(slot, {})
        sums = cells.get(time // self.width)
        if sums is not None:
            return sums
        while self._cells >= MOST_CELLS:
            self._coarsen()
        before = len(cells := self._slots[slot])
        sums = cells.setdefault(time // self.width, Sums())
        self._cells += len(cells) - before
        return sums

    def _coarsen(self) -> None:
        self.width = Micros(2 * self.width)
        self._cells = 0
        for slot, cells in self._slots.items():
            merged: dict[int, Sums] = {}
            for number, sums in cells.items():
                merged.setdefault(number // 2, Sums()).include(sums)
            self._slots[slot] = merged
            self._cells += len(merged)


def sums_of(bucket: Bucket) -> Sums:
    """The sums that a document keeps of a stretch."""
    return Sums(
        events=bucket.events,
        matched=bucket.matched,
        w=bucket.w,
        wr=bucket.wr,
        ww=bucket.ww,
        wwr=bucket.wwr,
        wwrr=bucket.wwrr,
        lowest=bucket.lowest,
        highest=bucket.highest,
    )


class Logged:
    """Judges the policies whose weights the log itself tells: online, baseline and random."""

    def __init__(
        self,
        online: Series | None = None,
        baseline: Series | None = None,
        random: Series | None = None,
    ) -> None:
        self.online = online or Series()
        self.baseline = baseline or Series()
        self.random = random or Series()

    def see(self, event: Event) -> None:
        """Judge an event that ``is_judged``."""
        time = event.decision.time
        for choice in choices(event):
            self.online.add(choice.slot, time, 1.0, choice.reward)
            self.baseline.add(choice.slot, time, choice.baseline, choice.reward)
            if choice.random is not None:
                self.random.add(choice.slot, time, choice.random, choice.reward)


class Judge:
    """A contender that is trained and judged in one pass, by one thread.

    Where its model fails at an event, the event counts as if it had chosen the baseline: that is
    what an application shows which gets no answer. So all contenders are judged by the same events.

    Args:
        arguments: Those of a model, exploration included.
        data: Of its model, where it goes on from a checkpoint, and so are ``series`` and
            ``errors``.

    Attributes:
        series: What it would have earned.
        errors: At how many events its model has failed.

    Raises:
        ModelError: As ``open_model``.
    """

    def __init__(
        self,
        arguments: str,
        data: bytes | None = None,
        series: Series | None = None,
        errors: int = 0,
    ) -> None:
        self.model = open_model(arguments, data)
        self.series = series or Series()
        self.errors = errors

    def see(self, event: Event, lines: Sequence[str]) -> None:
        """Judge and learn an event that ``is_judged``, of the kind of the model.

        Args:
            lines: As ``vw_lines`` makes them of the event's features.
        """
        lesson = event.lesson
        if lesson is None:
            return
        chosen = choices(event)
        try:
            weights = _weights(self.model, chosen, lines, lesson)
        except ModelError:
            self.errors += 1
            weights = [choice.baseline for choice in chosen]
        for choice, weight in zip(chosen, weights, strict=True):
            if choice.shown:
                self.series.add(choice.slot, event.decision.time, weight, choice.reward)

    def save(self) -> bytes:
        """The model, to go on from."""
        return self.model.save()

    def close(self) -> None:
        """Free the model."""
        self.model.close()

    def __enter__(self) -> Judge:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _weights(
    model: Model | MultiSlotModel,
    chosen: Sequence[Choice],
    lines: Sequence[str],
    lesson: Lesson | tuple[SlotLabel, ...],
) -> list[float]:
    """The weight of each choice before the lesson, which the model has learned then."""
    if isinstance(model, Model) and isinstance(lesson, Lesson):
        [choice] = chosen
        chances = model.learn(lines, lesson.action, lesson.cost, lesson.probability)
        return [_weight(chances[choice.action], choice)]
    assert isinstance(model, MultiSlotModel) and not isinstance(lesson, Lesson)
    # What ``learn`` says of a slot comes after it has learned those before, rewards included: to
    # whom a page's first reward tells what will do well in the second, that would be a present.
    later = [_of_slot(model, lines, lesson, place) for place in range(1, len(lesson))]
    first = dict(model.learn(lines, lesson)[0])
    return [
        _weight(chances.get(choice.action, 0.0), choice)
        for choice, chances in zip(chosen, [first, *later], strict=True)
    ]


def _of_slot(
    model: MultiSlotModel, lines: Sequence[str], labels: Sequence[SlotLabel], place: int
) -> dict[int, float]:
    """The chance of each action in a slot, those before it being given what they were given."""
    asked = [AskedSlot(label.ranking[:1], "0") for label in labels[:place]]
    asked.append(AskedSlot(labels[place].ranking, "0"))
    scores = model.decide(lines[: len(lines) - len(labels) + len(asked)], asked)[place]
    return dict(zip(scores.ranking, scores.probabilities, strict=True))


def _weight(chance: float, choice: Choice) -> float:
    if not 0.0 <= chance <= 1.001:
        raise ModelError(f"the chance of action {choice.action} is {chance}")
    return chance / choice.propensity
