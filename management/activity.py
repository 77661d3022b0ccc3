"""What a loop has done and earned, by time: series for charts, from aggregates, without a scan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

from loop.activity import ActionCounts, Activity, Span, recently_imitated
from loop.errors import BadRequest, StorageUnavailable
from loop.estimates import Sums
from loop.events import SECOND
from loop.features import JsonObject, JsonValue
from loop.manifest import Counts
from loop.windows import RANGES, Window
from storage.factory import LoopStorage

MOST_ACTIONS = 10
"""How many actions have series of their own."""

RECENT_EVENTS = 1_000
"""Over how many of its last events an apprentice is held against the baseline."""

_ATTEMPTS = 5

_FATES: Mapping[str, Callable[[Counts], int]] = {
    "decisions": attrgetter("decisions"),
    "rewards": attrgetter("rewards"),
    "joined": attrgetter("joined"),
    "defaulted": attrgetter("defaulted"),
    "late": attrgetter("late"),
    "orphaned": attrgetter("orphaned"),
    "duplicates": attrgetter("duplicates"),
    "notActivated": attrgetter("not_activated"),
    "dropped": attrgetter("dropped"),
}


async def read_activity(storage: LoopStorage) -> Activity:
    """What the last run of the trainer has left; each run removes what the one before it had.

    Raises:
        StorageUnavailable: Storage is away.
    """
    for _ in range(_ATTEMPTS):
        name = (await storage.manifest.read()).value.activity
        if name is None:
            return Activity()
        blob = await storage.blobs.read(name)
        if blob is not None:
            return Activity.decode(blob.data)
    raise StorageUnavailable("The activity is being written again and again; try again.")


def checked_range(text: str | None) -> str | None:
    """The name of a range, as it was asked for; None where it was not.

    Raises:
        BadRequest: There is no such range.
    """
    if not text:
        return None
    if text.upper() not in RANGES:
        raise BadRequest(f"range should be one of {', '.join(RANGES)}.", "range")
    return text.upper()


def axis(window: Window) -> JsonObject:
    """Which stretch of time series are of."""
    return {
        "range": window.range,
        "ranges": list(RANGES),
        "width": window.width / SECOND,
        "times": [start // SECOND for start in window.spans],
    }


def rewards(window: Window) -> JsonObject:
    """What was earned, and would have been earned, over a window and in all of it."""
    spans, total = list(window.spans.values()), window.total
    return {
        "decisions": [span.counts.decisions for span in spans],
        "drawn": [span.drawn for span in spans],
        "explored": [span.explored for span in spans],
        "online": _estimates([span.online for span in spans]),
        "baseline": _estimates([span.baseline for span in spans]),
        "random": _estimates([span.random for span in spans]),
        "totals": {
            "decisions": total.counts.decisions,
            "drawn": total.drawn,
            "explored": total.explored,
            "online": _estimate(total.online),
            "baseline": _estimate(total.baseline),
            "random": _estimate(total.random),
        },
    }


def fates(window: Window) -> JsonObject:
    """What has become of what was sent, over a window."""
    counts = [span.counts for span in window.spans.values()]
    return {name: [read(each) for each in counts] for name, read in _FATES.items()}


def totals(counts: Counts) -> JsonObject:
    """The same, since the log began."""
    return {**{name: read(counts) for name, read in _FATES.items()}, "learned": counts.learned}


def delays(window: Window) -> list[JsonValue]:
    """How long rewards took, in bins from the shortest to the longest that came."""
    found = window.total.delays
    if not found:
        return []
    return [
        {
            "from": _number(2 ** (k / 2)),
            "to": _number(2 ** ((k + 1) / 2)),
            "rewards": found.get(k, 0),
        }
        for k in range(min(found), max(found) + 1)
    ]


def actions(window: Window) -> JsonObject:
    """How often actions were drawn, and with what mean chance; most drawn first."""
    spans = list(window.spans.values())
    ranked = sorted(
        window.total.actions.items(), key=lambda item: (-item[1].chosen, -item[1].offered, item[0])
    )
    shown = [action for action, _ in ranked[:MOST_ACTIONS]]
    return {
        "actions": [
            {"id": action, **_chosen(spans, [_of(span, action) for span in spans])}
            for action in shown
        ],
        "others": _chosen(spans, [_but(span, shown) for span in spans]),
    }


def apprentice(activity: Activity) -> JsonObject | None:
    """How near an apprentice has come to its baseline; None where it was never one."""
    seen = recently_imitated(activity, RECENT_EVENTS)
    if not seen.events:
        return None
    return {
        "events": seen.events,
        "matched": seen.matched,
        "baselineReward": _number(seen.rewards / seen.events),
        "personalizerReward": _number(seen.imitated / seen.events),
        "achievementRatio": _number(seen.imitated / seen.rewards) if seen.rewards > 0 else None,
    }


def _estimates(spans: Sequence[Sums]) -> JsonObject:
    found = [_estimate(sums) for sums in spans]
    return {name: [each[name] for each in found] for name in ("events", "reward", "halfWidth")}


def _estimate(sums: Sums) -> JsonObject:
    known = sums.w > 0
    return {
        "events": sums.events,
        "reward": _number(sums.reward) if known else None,
        "halfWidth": _number(sums.half_width()) if known else None,
    }


def _chosen(spans: Sequence[Span], counts: Sequence[ActionCounts]) -> JsonObject:
    """Of an action: its share of the choices, and its mean propensity where it was offered."""
    return {
        "share": [
            _number(each.chosen / span.looks) if span.looks else None
            for span, each in zip(spans, counts, strict=True)
        ],
        "propensity": [
            _number(each.propensities / each.offered) if each.offered else None for each in counts
        ],
    }


def _of(span: Span, action: str) -> ActionCounts:
    return span.actions.get(action, ActionCounts())


def _but(span: Span, shown: Sequence[str]) -> ActionCounts:
    together = ActionCounts()
    together.include(span.others)
    for action, counts in span.actions.items():
        if action not in shown:
            together.include(counts)
    return together


def _number(value: float) -> float:
    """Six digits: what a chart can show, and a small answer."""
    return float(f"{value:.6g}")
