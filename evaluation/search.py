"""Which policies are worth judging for a loop, from what its log holds.

They differ in two ways: in which namespaces they multiply with each other (see
``evaluation.products``), and in how they learn. A model without any product ranks the actions the
same for everybody; C·i and C·D tell it who likes what; C·C·D, who likes what when; C·D·D, that it
takes two properties of an action together. The best of them is the smallest that can tell what
there is to tell: more of them are slower to learn.

The lists below are the outcome of measurements, which ``docs/evaluation.md`` describes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import count

from evaluation.jobs import Contender, Source
from evaluation.layout import Layout
from evaluation.products import affordable
from loop.errors import InvalidPolicyConfiguration
from loop.events import LoopKind
from loop.learning_settings import kind_of, parse, render
from loop.settings import Policy

MOST_CONTENDERS = 20

MOST_ARGUMENTS = 1_024
"""Characters of a policy's arguments, at most."""

CURRENT = "current"
"""Name of the contender that learns as the policy in force says, from nothing."""

FEW_WEIGHTS = 1 << 16
"""So many fit VW's table of 2^18, of 4 MiB; where there may be more, it is one of 2^19."""

_PLAIN = {
    LoopKind.SINGLE_SLOT: "--cb_explore_adf --epsilon 0.2",
    LoopKind.MULTI_SLOT: "--ccb_explore_adf --epsilon 0.2",
}
_INTER, _HYPER = "Inter-len", "Hyper"

_INTERACTIONS = (
    (),
    ("Ci",),
    ("CD",),
    ("Ci", "CD"),
    ("CD", "DD"),
    ("Ci", "CD", "CDD"),
    ("Ci", "CCi"),
    ("CD", "CCD"),
    ("Ci", "CD", "CCi", "CCD"),
    ("Ci", "CD", "CCi", "CCD", "CDD"),
)


_DEFAULT = "--cb_type mtr"
_WAYS = (
    ("--cb_type mtr --coin", ("Ci",)),
    ("--cb_type mtr --coin", ("Ci", "CD", "CDD")),
    ("--cb_type mtr --coin", ("Ci", "CD", "CCi", "CCD", "CDD")),
    ("--cb_type mtr -l 0.1", ("Ci", "CD", "CCi", "CCD")),
    ("--cb_type mtr --power_t 0 -l 0.1", ("Ci", "CD", "CCi", "CCD", "CDD")),
    ("--cb_type ips", ("Ci", "CD", "CCi", "CCD")),
    ("--cb_type mtr --ftrl", ("CD", "DD")),
    ("--cb_type mtr --coin", ("Ci", "CD")),
    ("--cb_type mtr -l 0.1", ("Ci", "CD")),
    ("--cb_type mtr --coin", ()),
    ("--cb_type mtr --coin", ("Ci", "CD", "CCi", "CCD")),
    ("--cb_type mtr -l 0.1", ()),
    ("--cb_type mtr -l 0.1", ("Ci", "CD", "CCi", "CCD", "CDD")),
)
_FIRST_WAYS = 8
_OWN_WAYS = ("", "--coin", "-l 0.1")
_LEARNING = frozenset(
    [
        *("learning_rate", "power_t", "initial_t", "decay_learning_rate", "l1", "l2"),
        *("sgd", "adaptive", "adax", "normalized", "invariant"),
        *("coin", "pistol", "ftrl", "ftrl_alpha", "ftrl_beta"),
    ]
)
"""Options that say how a model learns."""

_MULTIPLYING = frozenset(("quadratic", "cubic", "interactions"))
_ESCAPED = re.compile(r"\\x([0-9A-Fa-f]{2})")
_SAID_BY_VW = frozenset(
    [
        *(("cb_type", "mtr"), ("bit_precision", "18.0")),
        *(("learning_rate", "0.5"), ("power_t", "0.5")),
    ]
)
"""What holds where arguments don't say it."""

_ROOM = MOST_ARGUMENTS - 120
"""Characters that are left for products."""


def in_force(policy: Policy) -> Contender:
    """The policy in force as a contender: what it would have earned, had it learned at once."""
    return Contender(name=CURRENT, arguments=policy.arguments, source=Source.CUSTOM)


def contenders(
    layout: Layout, policy: Policy, kind: LoopKind, taken: Collection[str] = ()
) -> tuple[Contender, ...]:
    """At most ``MOST_CONTENDERS`` policies that differ from the one in force and from each other.

    None of them gives a decision more than ``MOST_TERMS``, as far as ``layout`` tells: products
    that cost too much are left out, the dearest ones first. Some repeat the policy in force with
    other rates, and cost what it costs.

    Args:
        layout: Of a sample of the log.
        policy: The one in force.
        taken: Names that contenders must not have.

    Returns:
        First ``Inter-len1…``, which differ in what they multiply, in the order of how much that
        is; then ``Hyper1…``, which learn in other ways. ``loop.learning_settings.check`` accepts
        them all. Their exploration is the service's default, which a loop's own replaces.
    """
    seen = {_meaning(policy.arguments)}
    kept: list[tuple[str, str]] = []
    for family, arguments in _ideas(layout, policy, kind):
        meaning = _meaning(arguments)
        if len(kept) < MOST_CONTENDERS and meaning not in seen:
            seen.add(meaning)
            kept.append((family, arguments))
    names = {family: _free_names(family, taken) for family in (_INTER, _HYPER)}
    return tuple(
        [
            Contender(name=next(names[family]), arguments=arguments, source=Source.FOUND)
            for family, arguments in sorted(kept, key=lambda idea: idea[0] == _HYPER)
        ]
    )


def _free_names(family: str, taken: Collection[str]) -> Iterator[str]:
    return (name for number in count(1) if (name := f"{family}{number}") not in taken)


def _meaning(arguments: str) -> frozenset[tuple[str, str]]:
    """The same for arguments that say the same, but for how much is explored."""
    try:
        settings = parse(arguments)
    except InvalidPolicyConfiguration:  # allowed once, and not any more
        return frozenset()
    said = {_plainly(s.name, s.value or "") for s in settings if s.name != "epsilon"}
    return frozenset(said - _SAID_BY_VW)


def _plainly(name: str, value: str) -> tuple[str, str]:
    if name in _MULTIPLYING:
        spelled = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value)
        return "interactions", "".join(sorted(spelled))
    try:
        return name, repr(float(value))
    except ValueError:
        return name, value


def _ideas(layout: Layout, policy: Policy, kind: LoopKind) -> Iterator[tuple[str, str]]:
    for recipe in _INTERACTIONS:
        yield _INTER, _arguments(layout, kind, _DEFAULT, recipe)
    for way, recipe in _WAYS[:_FIRST_WAYS]:
        yield _HYPER, _arguments(layout, kind, way, recipe)
    for arguments in _variations(policy, kind):
        yield _HYPER, arguments
    for way, recipe in _WAYS[_FIRST_WAYS:]:
        yield _HYPER, _arguments(layout, kind, way, recipe)


def _variations(policy: Policy, kind: LoopKind) -> Iterator[str]:
    """The policy in force, learning in other ways."""
    try:
        settings = parse(policy.arguments)
    except InvalidPolicyConfiguration:
        return
    if kind_of(policy.arguments) is not kind:
        return
    rest = render([setting for setting in settings if setting.name not in _LEARNING])
    for way in _OWN_WAYS:
        if len(arguments := f"{rest} {way}") <= MOST_ARGUMENTS:
            yield arguments.rstrip()


def _arguments(layout: Layout, kind: LoopKind, way: str, recipe: Sequence[str]) -> str:
    products = affordable(layout, recipe, _ROOM)
    weights = sum(each.weights for each in products)
    parts = [_PLAIN[kind], way, *(["-b 19"] if weights > FEW_WEIGHTS else [])]
    for option, order in (("--quadratic", 2), ("--interactions", 3)):
        texts = [str(each) for each in products if len(each.letters) == order]
        if texts:
            parts.append(" ".join([option, *texts]))
    return " ".join(parts)
