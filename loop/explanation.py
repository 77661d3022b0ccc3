"""Explanation: what the model weighs when it scores an action, by the names the caller knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice, pairwise
from typing import NamedTuple

from loop.feature_names import feature_names
from loop.features import FeatureTree
from loop.interactions import Crossing, Namespaces
from loop.model import Hashed, Model

MAX_TERMS = 10_000
"""How many features and interactions are looked at: wide calls have millions of them."""

MAX_SCORES = 100
"""How many of them an explanation has: those that weigh most."""

_CONSTANT = 128
"""The namespace of VW's own constant, which is the same for all actions."""

_FNV_PRIME = 16_777_619


class Term(NamedTuple):
    """One summand of the cost that a model expects of an action.

    Attributes:
        name: ``namespace.feature``, with ``^`` between those that interact; empty for the
            constant that VW adds.
        weight: Of the cost, so that one below 0 speaks for the action.
        value: Of the feature; of an interaction, the product of its features' values.
    """

    name: str
    weight: float
    value: float


@dataclass(frozen=True, slots=True)
class FeatureScore:
    """How much a feature or an interaction speaks for the action (above 0) or against it."""

    name: str
    score: float


def explain(
    model: Model, tree: FeatureTree, lines: Sequence[str], action: int
) -> list[FeatureScore]:
    """What speaks for an action and what against it: the weightiest first.

    A score is the model's weight with its sign turned, since the model weighs costs. Of the
    features and interactions up to ``MAX_TERMS`` are looked at, the features first; up to
    ``MAX_SCORES`` are given.

    Args:
        tree: What the decision is logged with.
        lines: What the model decided on: the shared line, and one for each action of ``tree``.
        action: The index of the action in ``tree``.

    Raises:
        ModelError: VW does not take the lines.
    """
    found = islice(terms(model, tree, lines, action), MAX_TERMS)
    named = (term for term in found if term.name)
    weightiest = nlargest(MAX_SCORES, named, key=lambda term: abs(term.weight))
    return [FeatureScore(term.name, 0.0 - term.weight) for term in weightiest]


def terms(model: Model, tree: FeatureTree, lines: Sequence[str], action: int) -> Iterator[Term]:
    """Every term of the cost of an action: its features and the context's, then interactions.

    The sum of weight × value over all of them is what VW calls the partial prediction. A policy
    with several learners (``--bag``, ``--cover``) has several such sums; these are the terms of
    the first. What ``--l1`` and ``--l2`` subtract at prediction time is not in the weights.

    Raises:
        ModelError: VW does not take the lines.
    """
    shared, own = model.features([lines[0], lines[1 + action]])
    shared_names, own_names = feature_names(tree, action)
    features = _named(lines[1 + action], own_names, own)
    for namespace, context in _named(lines[0], shared_names, shared).items():
        if namespace != _CONSTANT:
            features.setdefault(namespace, []).extend(context)
    crossing = Crossing.read(model.options())
    for namespace, group in features.items():
        if namespace not in crossing.unweighed:
            for feature in group:
                yield Term(feature.name, model.weight(feature.hashed), feature.value)
    for met in crossing.among(namespace for namespace in features if namespace != _CONSTANT):
        yield from _interacting(model, features, met, crossing.permuted)


class _Feature(NamedTuple):
    name: str
    hashed: int
    value: float


def _named(line: str, names: Sequence[str], hashed: Hashed) -> dict[int, list[_Feature]]:
    """The features as VW hashed them, with their names: both are in the order of the line."""
    by_namespace: dict[int, list[str]] = {_CONSTANT: [""]}
    left = iter(names)
    group = by_namespace[_CONSTANT]
    for token in line.removeprefix("shared ").split(" "):
        if token.startswith("|"):
            group = by_namespace.setdefault((token[1:] or " ").encode()[0], [])
        else:
            group.append(next(left))
    return {
        namespace: [
            _Feature(name, index, value)
            for name, (index, value) in zip(by_namespace[namespace], group, strict=True)
        ]
        for namespace, group in hashed.items()
    }


def _interacting(
    model: Model, features: dict[int, list[_Feature]], met: Namespaces, permuted: bool
) -> Iterator[Term]:
    """Every combination of a feature of each namespace; within a namespace each pair once."""
    found: Iterator[_Combined] = (
        (feature, place) for place, feature in enumerate(features[met[0]])
    )
    for former, namespace in pairwise(met):
        found = _joined(found, features[namespace], once=former == namespace and not permuted)
    for (name, index, value), _ in found:
        yield Term(name, model.weight(index), value)


_Combined = tuple[_Feature, int]
"""A feature made of several, and the last one's place in its namespace."""


def _joined(
    combined: Iterator[_Combined], group: Sequence[_Feature], once: bool
) -> Iterator[_Combined]:
    """Each of ``combined`` with each feature of ``group``; ``once``: none before its own last.

    The index is VW's (interactions_predict.h): FNV-1, ``(prime × former index) ^ next index``.
    """
    for (names, index, product), last in combined:
        half = index * _FNV_PRIME
        for place in range(last if once else 0, len(group)):
            name, other, value = group[place]
            yield _Feature(f"{names}^{name}", half ^ other, product * value), place
