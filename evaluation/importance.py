"""How much reward a loop would lose if it could not know a feature.

Models are trained on a sample of the log with the loop's own learning settings, and then frozen.
A feature is taken from a frozen model by giving it, in the place of each value, one that says
nothing: a feature of the context has that of another choice, a feature of actions is dealt out anew
among them. Everything else stays, and so does how often each value occurs. What is chosen then
earns less, and that is the loss of the feature (permutation importance: Breiman, Random Forests,
Machine Learning 45, 2001; the loss here is one of reward, not of accuracy)::

    expected loss   mean over choices of  Σ_a (π(a|x) - π(a|x')) · r̂(x, a)
    surprise        mean over choices of  (π(a|x) - π(a|x')) · (r - r̂(x, a)) / p

where x' is x with the feature exchanged, π is a frozen model without exploration, and r̂ what
another one expects of an action. Both together are right whatever r̂ is (doubly robust: Dudik,
Langford and Li, ICML 2011), but the surprise is many times as noisy. So it counts as far as it
stands out from its own noise: times 1 - (2 / t)², where t is how many standard errors it is large,
and not at all with t below 2.

π, r̂ and the choices that are judged are of three different thirds of the sample, in all six ways
(cross-fitting: Chernozhukov and others, Econometrics Journal 21, 2018): what a model has learned
from noise meets neither itself again nor the events that it was learned from, so that a feature
without meaning loses nothing, in the mean. The standard error of the expected loss, from how the
six ways differ, is taken off. Where the doubly robust loss of no feature is above 0 at 99 %, for
all of them together (Bonferroni), nothing is told from chance, and all scores are 0.

Learning rates are VW's own, whatever the settings say: with the rates of many a loop a sample
teaches a model next to nothing.

To leave a feature out, and put nothing in its place, was tried as well: it takes its part of every
score away at once, so that a frozen model comes to decide differently for reasons that lie in the
model. Noise then loses or wins, and a weak feature wins. ``docs/evaluation.md`` has the figures.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import zip_longest
from random import Random

from pydantic import BaseModel, ConfigDict

from evaluation.losses import Losses
from evaluation.pieces import (
    CONSTANT,
    PLACE,
    Exchanged,
    Feature,
    TakenApart,
    Workbench,
    exchanged,
)
from loop.errors import PersonalizerError
from loop.events import LearningMode
from loop.joined_log import Event
from loop.learning_settings import Setting, parse, render, with_exploration
from loop.model import Model

MOST_EVENTS = 12_000
"""How many events of the log are looked at."""

MOST_FEATURES = 200
"""How many features are examined: those that most choices have."""

MOST_PIECES = 1_000_000
"""Features of all choices together; where there are more, fewer choices are looked at."""

MOST_WORK = 20_000_000
"""Features that frozen models read; where it would be more, fewer choices are judged."""

FEWEST_CHOICES = 30
"""With fewer of them, nothing is said."""

GROUP_WIDTH = 0.1
"""How far scores within a group may be apart."""

TIME_TO_LEARN = 0.4
"""The part of the time that models may learn in."""

_THIRDS = 3
_TELL_EVERY = 50
_RATES = frozenset({"learning_rate", "power_t", "initial_t", "decay_learning_rate", "l1", "l2"})


class NotMeasurable(Exception):
    """Raised when a sample holds too few choices, or too few can be judged in time."""


class ScoredFeature(BaseModel):
    """A feature, by the names that its sender knows, with its importance.

    Attributes:
        namespace: ``FromUrl`` for plain members of the context, ``j`` for those of actions, ``i``
            for the action's id, ``slot`` for those of slots; else the name of the nearest object.
        score: 0 to 1; the largest of an ``Importance`` is 1, unless all are 0.
    """

    model_config = ConfigDict(frozen=True)

    namespace: str
    name: str
    score: float


class Importance(BaseModel):
    """What a sample of a log says of its features.

    Attributes:
        scores: The highest first.
        loss: Mean reward per choice that goes with a score of 1; 0 where nothing stands out.
        learned: From how many choices models have learned.
        judged: By how many losses were measured.
        features: How many there are; at most ``MOST_FEATURES`` of them have a score.
    """

    model_config = ConfigDict(frozen=True)

    scores: tuple[ScoredFeature, ...]
    loss: float
    learned: int
    judged: int
    features: int

    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of features that matter about as much as each other, the most important first.

        Within a group they are in the order of the alphabet. Those without a score above 0 are a
        group of their own, the last one.

        >>> named = [("F", "a", 1.0), ("F", "c", 0.52), ("j", "b", 0.5), ("F", "d", 0.0)]
        >>> scores = [ScoredFeature(namespace=n, name=m, score=score) for n, m, score in named]
        >>> Importance(scores=scores, loss=0.1, learned=9, judged=9, features=4).groups()
        (('F.a',), ('F.c', 'j.b'), ('F.d',))
        """
        groups: list[list[str]] = []
        highest = math.inf
        for scored in self.scores:
            if highest - scored.score > GROUP_WIDTH or scored.score == 0.0 < highest:
                groups.append([])
                highest = scored.score
            groups[-1].append(f"{scored.namespace}.{scored.name}")
        return tuple([tuple(sorted(group)) for group in groups])


def importance(
    events: Iterable[Event],
    arguments: str,
    tell: Callable[[float], None] = lambda share: None,
    time_spent: Callable[[], float] = lambda: 0.0,
) -> Importance:
    """How much the features of events matter to a policy that learns from them.

    Counted are the choices of events that were decided in ``LearningMode.ONLINE``: only there does
    the log tell what an action has earned by the probability that it was chosen with. The slots of
    a page are choices one by one, each from what the slots before it have left.

    Args:
        events: Such as ``evaluation.judging.is_judged``, all of the policy's kind.
        arguments: The policy's.
        tell: Told how much is done, from 0 to 1.
        time_spent: How much of the time there is has gone: from ``TIME_TO_LEARN`` on no further
            choice is learned from, and from 1 on none is judged.

    Raises:
        NotMeasurable: There are fewer than ``FEWEST_CHOICES`` choices, or fewer could be judged.
        InvalidPolicyConfiguration: The arguments are none that a policy may have.
        ModelError: VW can't learn from the choices with them.
    """
    bench = Workbench()
    choices = _sample(bench, events)
    if len(choices) < FEWEST_CHOICES:
        raise NotMeasurable(
            f"the sample holds {len(choices)} choices that were made in learning mode Online and"
            f" can be learned from, and {FEWEST_CHOICES} is the least"
        )
    present = Counter(feature for choice in choices for feature in choice.features())
    del present[CONSTANT], present[PLACE]
    features = sorted(present, key=lambda feature: (-present[feature], feature))[:MOST_FEATURES]
    with ExitStack() as models:
        thirds = [choices[number::_THIRDS] for number in range(_THIRDS)]
        frozen = [models.enter_context(Model(_unhurried(arguments))) for _ in thirds]
        learned = _teach(bench, frozen, thirds, time_spent)
        losses = Losses()
        for number, choice, changed in _chances(thirds, frozenset(features)):
            if losses.work > MOST_WORK or time_spent() >= 1:
                break
            acting, judging = [model for place, model in enumerate(frozen) if place != number]
            losses.judge(bench, choice, changed, number, (acting, judging))
            if losses.choices % _TELL_EVERY == 0:
                tell(max(losses.work / MOST_WORK, losses.choices / len(choices)))
    if losses.choices < FEWEST_CHOICES:
        raise NotMeasurable(
            f"there was only time to judge by {losses.choices} choices, and {FEWEST_CHOICES} is the"
            " least: the choices have too many features for how many the policy combines"
        )
    found = losses.of(features) if losses.stand_out(features) else {}
    largest = max([0.0, *found.values()])
    scores = [_scored(feature, found.get(feature, 0.0), largest) for feature in features]
    return Importance(
        scores=tuple(
            sorted(scores, key=lambda scored: (-scored.score, scored.namespace, scored.name))
        ),
        loss=largest,
        learned=learned,
        judged=losses.choices,
        features=len(present),
    )


def _scored(feature: Feature, loss: float, largest: float) -> ScoredFeature:
    score = max(0.0, loss) / largest if largest > 0 else 0.0
    return ScoredFeature(namespace=feature.namespace, name=feature.name, score=score)


def _sample(bench: Workbench, events: Iterable[Event]) -> list[TakenApart]:
    """Choices in the order of their events: as many as fit, spread over all of them."""
    online = [event for event in events if event.decision.mode is LearningMode.ONLINE]
    places = list(range(len(online)))
    Random(len(online)).shuffle(places)
    found: dict[int, list[TakenApart]] = {}
    pieces = 0
    for place in places[:MOST_EVENTS]:
        if pieces > MOST_PIECES:
            break
        with suppress(PersonalizerError, ValueError):  # features that VW can't be given
            found[place] = bench.take_apart(online[place])
            pieces += sum(choice.size for choice in found[place])
    return [choice for place in sorted(found) for choice in found[place]]


def _teach(
    bench: Workbench,
    models: Sequence[Model],
    thirds: Sequence[Sequence[TakenApart]],
    time_spent: Callable[[], float],
) -> int:
    """Let each model learn from its third, all as far as there is time; from how many choices."""
    learned = 0
    for choices in zip_longest(*thirds):
        if learned and time_spent() >= TIME_TO_LEARN:
            break
        for model, choice in zip(models, choices, strict=True):
            if choice is not None:
                lines = bench.lines(choice.context, choice.actions)
                model.learn(lines, choice.chosen, -choice.reward, choice.propensity)
                learned += 1
    return learned


def _chances(
    thirds: Sequence[Sequence[TakenApart]], features: frozenset[Feature]
) -> Iterator[tuple[int, TakenApart, list[Exchanged]]]:
    """All choices in no order, each with its third and with every feature exchanged."""
    random = Random(len(thirds[0]))
    chances = []
    for number, third in enumerate(thirds):
        donors = [choice.context for choice in third]
        random.shuffle(donors)
        chances += [(number, *pair) for pair in zip(third, donors, strict=True)]
    random.shuffle(chances)
    for number, choice, donor in chances:
        yield number, choice, exchanged(choice, donor, features, random)


def _unhurried(arguments: str) -> str:
    """For a model that decides one choice at a time, does not explore, and learns by VW's rates."""
    settings = [
        Setting("cb_explore_adf") if setting.name == "ccb_explore_adf" else setting
        for setting in parse(arguments)
        if setting.name not in _RATES
    ]
    return with_exploration(render(settings), 0.0)
