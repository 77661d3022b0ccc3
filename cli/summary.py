"""What a simulation came to, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import orjson

from cli.playing import Journal, Played
from cli.service import LoopSetup

LAST = 1000


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one simulation; rates are mean rewards of the visits that were answered.

    Attributes:
        planned: How many events were asked for.
        answered: How many had an answered rank.
        seconds: How long it took.
        last: Over how many events ``mean_last`` is taken: the last 1,000, or all if they are less.
        random: What an even choice would have earned.
        best: What always choosing the best would have earned.
        exploration: The share of choices that the service makes at random.
        ceiling: What the best model can earn beside that exploration.
        failures: Events that were lost, by call and kind.
        retries: Calls that were tried again, by kind.
    """

    world: str
    seed: int
    planned: int
    answered: int
    seconds: float
    mean: float
    mean_last: float
    last: int
    random: float
    best: float
    exploration: float
    ceiling: float
    failures: Mapping[str, int]
    retries: Mapping[str, int]

    def to_json(self) -> bytes:
        """The figures as one JSON object."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def lines(self) -> list[str]:
        """The figures as a short table."""
        minutes, seconds = divmod(round(self.seconds), 60)
        rate = self.answered / self.seconds if self.seconds else 0.0
        head = (
            f"{self.world}: {self.answered:,} of {self.planned:,} events"
            f" in {minutes} min {seconds:02d} s ({rate:.0f}/s)"
        )
        rows = [
            ("mean reward", f"{self.mean:.3f}  of all"),
            ("", f"{self.mean_last:.3f}  of the last {self.last:,}"),
            ("random", f"{self.random:.3f}"),
            (
                "best possible",
                f"{self.ceiling:.3f}  while exploring {self.exploration:.0%},"
                f" {self.best:.3f} without",
            ),
            ("lost events", _counts(self.failures)),
            ("retried calls", _counts(self.retries)),
        ]
        return [head, *(f"  {name:<14} {text}" for name, text in rows)]


def ceiling(best: float, random: float, exploration: float) -> float:
    """What the best model earns if a share of all choices is even: (1 - e) * best + e * random.

    With one right action of four, that is 1 - e + e/4.

    >>> ceiling(best=1.0, random=0.25, exploration=0.2)
    0.85
    """
    return best - exploration * (best - random)


def summarize(
    *,
    world: str,
    seed: int,
    planned: int,
    seconds: float,
    journal: Journal,
    setup: LoopSetup,
    retries: Counter[str],
) -> Summary:
    """Condense a journal that has at least one entry of an answered event."""
    played = journal.played
    last = played[-LAST:]
    random = _mean([entry.random_rate for entry in played])
    best = _mean([entry.best_rate for entry in played])
    return Summary(
        world=world,
        seed=seed,
        planned=planned,
        answered=len(played),
        seconds=seconds,
        mean=mean_reward(played),
        mean_last=mean_reward(last),
        last=len(last),
        random=random,
        best=best,
        exploration=setup.exploration,
        ceiling=ceiling(best, random, setup.exploration),
        failures=dict(journal.failures),
        retries=dict(retries),
    )


def mean_reward(played: Sequence[Played]) -> float:
    """Mean reward of some events, at least one."""
    return _mean([entry.reward for entry in played])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _counts(counts: Mapping[str, int]) -> str:
    if not counts:
        return "none"
    kinds = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{count:,} of {kind}" for kind, count in kinds)
