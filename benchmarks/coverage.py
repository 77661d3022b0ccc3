"""How often the intervals of an evaluation hold the true value.

    python -m benchmarks.coverage

A replication plays a loop that learns as the service does, in steps, and judges its events as an
evaluation does. Since the world is known, so is what each policy would have earned: for online and
the contenders, which learn, it is the mean over the events of what the policy, as it stood before
the event, would earn in the world as a whole.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from statistics import NormalDist, fmean

from benchmarks.known_worlds import Occasion, Setting, settings
from benchmarks.report import Table
from evaluation.judging import Judge, Logged
from loop.estimates import CONFIDENCE, Sums
from loop.events import Decision, Micros
from loop.joined import JoinedEvent, Lesson
from loop.learning_settings import DEFAULT_ARGUMENTS
from loop.model import Model, Scores
from loop.sampling import draw
from rank.decide import drawn_first

PAGE = Path(__file__).parent.parent / "docs" / "coverage.md"

REPLICATIONS = 250
EVENTS = (2_000, 10_000)
LEAST = 0.92
"""The share of the intervals that have to hold the true value, of each policy."""

STEP = 200
"""How many events the loop's model learns at a time."""

SAMPLED = 50
"""How many events a contender's true value is taken for, computed in the middle of them."""

WINNER = "best of all"

_PAIRS = "--cb_explore_adf --epsilon 0.2 -q Fi -q Fj"
_TRIPLES = f"{_PAIRS} --interactions FFi"
CONTENDERS: Mapping[str, str] = {
    "default": DEFAULT_ARGUMENTS,
    "no context": "--cb_explore_adf --epsilon 0.2 --cb_type mtr",
    "pairs": f"{_PAIRS} --cb_type mtr",
    "triples": f"{_TRIPLES} --cb_type mtr",
    "triples, ips": f"{_TRIPLES} --cb_type ips",
    "triples, slow": f"{_TRIPLES} --cb_type mtr -l 0.1",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What an evaluation says of a policy after so many events, and what is true.

    Attributes:
        plain: Half of the interval by the delta method alone.
    """

    policy: str
    events: int
    estimate: float
    half_width: float
    plain: float
    truth: float

    @property
    def holds(self) -> bool:
        """Whether the interval holds the true value."""
        return abs(self.estimate - self.truth) <= self.half_width

    @property
    def holds_plain(self) -> bool:
        """Whether that of the delta method alone does."""
        return abs(self.estimate - self.truth) <= self.plain


@dataclass(slots=True)
class _Loop:
    """A loop whose model learns some events behind, as it does that waits for rewards."""

    model: Model
    setting: Setting
    choices: list[Scores] = field(default_factory=list)
    waiting: list[tuple[Sequence[str], Lesson]] = field(default_factory=list)

    def learn(self) -> None:
        for lines, lesson in self.waiting:
            self.model.learn(lines, lesson.action, lesson.cost, lesson.probability)
        self.waiting.clear()
        self.choices = self.setting.decide(self.model)


def replicate(
    setting: Setting, events: Sequence[int], contenders: Mapping[str, str], seed: int
) -> list[Reading]:
    """Play ``max(events)`` events and read what is said of every policy after each of ``events``.

    Args:
        events: Multiples of ``STEP`` and of ``SAMPLED``.

    Returns:
        A reading of online, baseline, random, each contender and ``WINNER``: the contender with
        the highest estimate then, with its interval corrected for as many as there are.
    """
    chance = Random(seed)
    readings: list[Reading] = []
    baseline = fmean(occasion.chances[0] for occasion in setting.occasions)
    even = fmean(fmean(occasion.chances) for occasion in setting.occasions)
    earned = dict.fromkeys(("online", *contenders), 0.0)
    with ExitStack() as stack:
        loop = _Loop(stack.enter_context(Model(setting.policy)), setting)
        judges = {
            name: stack.enter_context(Judge(arguments)) for name, arguments in contenders.items()
        }
        logged = Logged()
        for number in range(max(events)):
            if number % STEP == 0:
                loop.learn()
                earned["online"] += STEP * setting.value(loop.choices)
            if number % SAMPLED == SAMPLED // 2:
                for name, judge in judges.items():
                    assert isinstance(judge.model, Model)
                    earned[name] += SAMPLED * setting.value(setting.decide(judge.model))
            place = chance.randrange(len(setting.occasions))
            occasion, scores = setting.occasions[place], loop.choices[place]
            event = _event(f"{seed}-{number}", occasion, scores, chance)
            logged.see(event)
            for judge in judges.values():
                judge.see(event, occasion.lines)
            if event.lesson is not None:
                loop.waiting.append((occasion.lines, event.lesson))
            count = number + 1
            if count not in events:
                continue
            readings += [
                _reading("online", logged.online.total(""), earned["online"] / count),
                _reading("baseline", logged.baseline.total(""), baseline),
                _reading("random", logged.random.total(""), even),
            ]
            sums = {name: judge.series.total("") for name, judge in judges.items()}
            readings += [_reading(name, sums[name], earned[name] / count) for name in judges]
            best = max(judges, key=lambda name: sums[name].reward)
            readings.append(_reading(WINNER, sums[best], earned[best] / count, len(judges)))
    return readings


def _event(event_id: str, occasion: Occasion, scores: Scores, chance: Random) -> JoinedEvent:
    drawn = drawn_first(scores, draw(event_id, scores.probabilities))
    reward = float(chance.random() < occasion.chances[drawn.ranking[0]])
    decision = Decision(
        event_id, Micros(0), occasion.features, drawn.ranking, drawn.probabilities, "m"
    )
    return JoinedEvent(decision, (), reward)


def _reading(policy: str, sums: Sums, truth: float, comparisons: int = 1) -> Reading:
    z = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / comparisons / 2)
    return Reading(
        policy,
        sums.events,
        sums.reward,
        sums.half_width(comparisons),
        z * sums.deviation,
        truth,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """What the replications say of one policy after so many events; all but ``policy`` are means.

    Attributes:
        coverage: The share of intervals that hold the true value; ``plain`` of those by the delta
            method alone.
    """

    policy: str
    events: int
    truth: float
    bias: float
    half_width: float
    coverage: float
    plain: float


def rows(readings: Iterable[Reading]) -> list[Row]:
    """A row for each policy and number of events."""
    grouped: dict[tuple[str, int], list[Reading]] = {}
    for reading in readings:
        grouped.setdefault((reading.policy, reading.events), []).append(reading)
    return [
        Row(
            policy,
            events,
            fmean(each.truth for each in group),
            fmean(each.estimate - each.truth for each in group),
            fmean(each.half_width for each in group),
            fmean(each.holds for each in group),
            fmean(each.holds_plain for each in group),
        )
        for (policy, events), group in grouped.items()
    ]


def table(setting: Setting, found: Sequence[Row]) -> Table:
    """The rows of a setting for the page."""
    return Table(
        title=setting.name[0].upper() + setting.name[1:],
        command="python -m benchmarks.coverage",
        columns=["policy", "events", "true value", "bias", "half width", "coverage", "by s alone"],
        rows=[
            [
                row.policy,
                f"{row.events:,}",
                f"{row.truth:.4f}",
                f"{row.bias:+.4f}",
                f"{row.half_width:.4f}",
                f"{row.coverage:.1%}",
                f"{row.plain:.1%}",
            ]
            for row in found
        ],
        remarks=[f"The loop learns with `{setting.policy}`."],
    )


_HEAD = f"""\
# How often intervals hold the true value

Written by `make coverage`: {REPLICATIONS} replications of each world, with the seeds from 0 on. At
least {LEAST:.0%} of the intervals of each policy have to hold its true value.

- A replication plays {max(EVENTS):,} events of the simulated coffee shop: 36 contexts, 4 actions.
  The loop's model learns {STEP} events at a time, and draws and logs its propensities as the
  service does.
- Online, baseline and random are read from the log. The others are contenders, trained and judged
  in one pass. *{WINNER}* is the contender with the highest estimate, whichever it is, with
  its interval corrected for the choice among {len(CONTENDERS)}.
- The true value is exact over all contexts. Of what learns, it is the mean over the events of its
  value before each event; that of a contender is computed in the middle of every {SAMPLED} events.
- Coverage is the share of replications whose 95 % interval holds the true value; it has a
  standard error of 1.4 % itself. *By s alone* is that of the delta method without what makes up
  for rare rewards; [evaluation.md](evaluation.md) has the formulas.
"""


def main() -> int:
    """Play all settings on all cores, and write the page.

    Returns:
        1 where a policy's intervals hold the true value too seldom.
    """
    tables, short = [], []
    with ProcessPoolExecutor(initializer=os.nice, initargs=(10,)) as pool:
        for setting in settings():
            print(f"playing {setting.name} …", file=sys.stderr, flush=True)
            play = partial(replicate, setting, EVENTS, CONTENDERS)
            found = rows(
                reading for readings in pool.map(play, range(REPLICATIONS)) for reading in readings
            )
            tables.append(table(setting, found))
            short += [(setting.name, row) for row in found if row.coverage < LEAST]
    PAGE.write_text("\n".join([_HEAD, *[each.markdown() for each in tables]]))
    print(f"written to {PAGE}", file=sys.stderr)
    for name, row in short:
        print(f"{name}: {row.policy}, {row.events}: {row.coverage:.1%}", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
