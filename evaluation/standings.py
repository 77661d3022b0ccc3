"""How judged policies do over all slots, and over all times."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace

from evaluation.jobs import JudgedPolicy, JudgedSlot, Standing
from evaluation.judging import sums_of
from loop.estimates import Sums

_SUMS = {field.name for field in fields(Sums)}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a policy earns in the mean.

    Attributes:
        sums: What it was estimated from; without any weight there is no estimate.
        half_width: Half the interval around ``sums.reward``.
    """

    sums: Sums
    half_width: float


def pooled(slots: Sequence[Sums], comparisons: int) -> Estimate:
    """The estimate of the mean reward of a slot, from the sums of each.

    Slots of one page may be weighed and rewarded together, which sums by slot don't tell. So a sum
    of squares over pages is taken to be (Σ √qᵢ)², the largest that it can be, where qᵢ is that of
    slot i (Minkowski's inequality). With one slot that is q itself.

    >>> top, side = Sums(), Sums()
    >>> for number in range(100):
    ...     top.add(1.0, number % 2)
    ...     side.add(1.0, number % 2)
    >>> estimate = pooled([top, side], 1)
    >>> estimate.sums.reward, math.isclose(estimate.half_width, top.half_width())
    (0.5, True)
    """
    total = Sums()
    for sums in slots:
        total.include(sums)
    if len(slots) <= 1:
        return Estimate(total, total.half_width(comparisons))
    mean = total.reward
    ww = sum([math.sqrt(sums.ww) for sums in slots]) ** 2
    residual = sum([math.sqrt(_residual(sums, mean)) for sums in slots]) ** 2
    together = replace(total, ww=ww, wwr=mean * ww, wwrr=residual + mean * mean * ww)
    return Estimate(total, together.half_width(comparisons))


def total(slot: JudgedSlot) -> Sums:
    """The sums of a slot over all times."""
    found = Sums()
    for bucket in slot.buckets:
        found.include(sums_of(bucket))
    return found


def overall(policy: JudgedPolicy) -> Estimate:
    """The estimate of a policy over all slots and times."""
    return pooled([total(slot) for slot in policy.slots], policy.comparisons)


def standings(policies: Iterable[JudgedPolicy]) -> tuple[Standing, ...]:
    """What a list of evaluations says of each policy."""
    return tuple([_standing(policy, overall(policy)) for policy in policies])


def estimate_of(standing: Standing) -> Estimate:
    """The estimate that a document keeps."""
    sums = Sums(**standing.model_dump(include=_SUMS))
    return Estimate(sums, standing.half_width)


def _standing(policy: JudgedPolicy, estimate: Estimate) -> Standing:
    return Standing(
        name=policy.name,
        source=policy.source,
        half_width=estimate.half_width,
        **asdict(estimate.sums),
    )


def _residual(sums: Sums, mean: float) -> float:
    """Σ w²·(r - mean)²."""
    return max(0.0, sums.wwrr - 2 * mean * sums.wwr + mean * mean * sums.ww)
