"""Worlds in which it is known which features tell what an action earns, and how much they tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

import orjson

from evaluation.pieces import Feature
from loop.events import Decision, Micros, MultiSlotDecision, SlotDecision
from loop.features import Action, JsonObject, JsonValue, Slot, compose, with_slots
from loop.joined import JoinedEvent
from loop.joined_log import Event
from loop.joined_slots import MultiSlotEvent, SlotOutcome
from loop.learning_settings import DEFAULT_ARGUMENTS, with_exploration
from loop.model import Model
from loop.vw_lines import vw_lines

EXPLORATION = 0.2

TRIPLES = "--cb_explore_adf --epsilon 0.2 --cb_type mtr -b 20 -q Fi -q Fj --interactions FFi"
PAIRS = "--cb_explore_adf --epsilon 0.2 --cb_type mtr -b 20 -q ::"

Known = Mapping[Feature, JsonValue]
"""Values by feature: of a context, or of an action with its id."""


@dataclass(frozen=True, slots=True)
class TellingWorld:
    """A world and the policy that its loop learns by.

    Attributes:
        context: Draws a context.
        actions: Draws what there is to choose from.
        chance: Of earning 1, and not 0, in a context with an action.
    """

    name: str
    policy: str
    context: Callable[[Random], Known]
    actions: Callable[[Random], Sequence[Known]]
    chance: Callable[[Known, Known], float]

    def events(self, count: int, seed: int) -> list[Event]:
        """What a loop logs that learns each event before the next one comes."""
        random = Random(seed)
        found: list[Event] = []
        with Model(with_exploration(self.policy, EXPLORATION)) as model:
            for number in range(count):
                context, actions = self.context(random), self.actions(random)
                tree = compose(_objects(context), [_action(action) for action in actions])
                lines = vw_lines(tree)
                propensities, _ = model.weigh(lines)
                [chosen] = random.choices(range(len(actions)), propensities)
                reward = float(random.random() < self.chance(context, actions[chosen]))
                model.learn(lines, chosen, -reward, propensities[chosen])
                ranking = _first(chosen, len(actions))
                decision = Decision(
                    f"{seed}-{number}",
                    Micros(number),
                    orjson.dumps(tree),
                    ranking,
                    tuple([propensities[action] for action in ranking]),
                )
                found.append(JoinedEvent(decision, (), reward))
        return found

    def losses(self, count: int = 4_000) -> dict[Feature, float]:
        """What one who knows all chances would lose, if a feature came from elsewhere.

        A feature of the context from another occasion, one of actions from another action of the
        same occasion: as ``evaluation.importance`` takes features away.
        """
        random = Random(0)
        occasions = [(self.context(random), self.actions(random)) for _ in range(count)]
        names = dict.fromkeys(name for context, _ in occasions for name in context)
        names |= dict.fromkeys(name for _, actions in occasions for a in actions for name in a)
        return {
            feature: fmean(
                self._loss(context, actions, feature, donor, random)
                for (context, actions), (donor, _) in zip(
                    occasions, random.sample(occasions, count), strict=True
                )
            )
            for feature in names
        }

    def _loss(
        self,
        context: Known,
        actions: Sequence[Known],
        feature: Feature,
        donor: Known,
        random: Random,
    ) -> float:
        seen = {**context, feature: donor[feature]} if feature in donor else context
        dealt = random.sample(range(len(actions)), len(actions))
        shown = [
            {**action, feature: actions[place][feature]} if feature in action else action
            for action, place in zip(actions, dealt, strict=True)
        ]
        earned = [self.chance(context, action) for action in actions]
        thought = [self.chance(seen, action) for action in shown]
        best = max(thought)
        return max(earned) - fmean(
            earning
            for earning, expected in zip(earned, thought, strict=True)
            if expected > best - 1e-9
        )


def pages(count: int, seed: int) -> list[Event]:
    """Pages of two slots, given even choices: what suits a slot is the kind that its size asks for.

    ``slot.size`` and ``j.kind`` tell, ``FromUrl.season`` a little; ``slot.colour``, ``i.id`` and
    ``FromUrl.noise`` nothing.
    """
    random = Random(seed)
    found: list[Event] = []
    for number in range(count):
        season = random.choice(("summer", "winter"))
        context: JsonObject = {"season": season, "noise": random.choice("vwxyz")}
        kinds = [random.choice(("text", "picture", "film")) for _ in range(4)]
        actions = [Action(f"item{index}", [{"kind": kind}]) for index, kind in enumerate(kinds)]
        slots, decisions, outcomes = [], [], []
        left = list(range(len(actions)))
        for place in range(2):
            size = random.choice(("wide", "narrow", "tiny"))
            features: JsonObject = {"size": size, "colour": random.choice(("red", "blue"))}
            slots.append(Slot(f"slot{place}", [features]))
            chosen = random.choice(left)
            ranking = (chosen, *[index for index in left if index != chosen])
            chance = 0.6 if _SUITS[size] == kinds[chosen] else 0.1
            chance += 0.15 * (kinds[chosen] == "film") * (season == "winter")
            outcomes.append(SlotOutcome((), float(random.random() < chance)))
            decisions.append(
                SlotDecision(f"slot{place}", ranking, (1 / len(left),) * len(left), left[0])
            )
            left.remove(chosen)
        tree = with_slots(compose([context], actions), slots)
        decision = MultiSlotDecision(
            f"{seed}-{number}", Micros(number), orjson.dumps(tree), tuple(decisions)
        )
        found.append(MultiSlotEvent(decision, tuple(outcomes)))
    return found


_SUITS = {"wide": "film", "narrow": "text", "tiny": "picture"}


def telling_worlds() -> Iterator[TellingWorld]:
    """All of them; those of single-slot loops."""
    for name, policy in (("customers", PAIRS), ("customers, default policy", DEFAULT_ARGUMENTS)):
        yield TellingWorld(name, policy, _customer, _drinks, _bought)
    yield TellingWorld("pairs that only tell together", TRIPLES, _pair, _two, _both)
    yield TellingWorld("twins", PAIRS, _twins, _drinks, _twins_bought)
    yield TellingWorld("one favourite", PAIRS, _strangers, _plain, _favourite)
    yield TellingWorld("new articles each time", PAIRS, _reader, _articles, _read)
    yield TellingWorld("nothing tells", PAIRS, _customer, _drinks, lambda context, action: 0.3)


_ID = Feature("i", "id")
_KIND = Feature("j", "kind")
_SEGMENT = Feature("FromUrl", "segment")
_DAYTIME = Feature("FromUrl", "daytime")
_LOYALTY = Feature("user", "loyalty")
_NOISE = Feature("FromUrl", "noise")
_COPY = Feature("FromUrl", "copy")
_LEFT = Feature("FromUrl", "left")
_RIGHT = Feature("FromUrl", "right")
_INTEREST = Feature("FromUrl", "interest")
_TAG = Feature("tags", "tag")
_TOPIC = Feature("j", "topic")
_DRINKS = ("espresso", "latte", "lemonade", "water")


def _customer(random: Random) -> Known:
    return {
        _SEGMENT: random.choice(("s0", "s1", "s2", "s3")),
        _DAYTIME: random.choice(("morning", "noon", "evening")),
        _LOYALTY: round(random.random(), 3),
        Feature("address", "city"): random.choice(("Oslo", "Bergen", "Bodo", "Voss")),
        _NOISE: random.choice("vwxyz"),
        Feature("FromUrl", "visit"): f"{random.getrandbits(48):x}",
    }


def _drinks(random: Random) -> Sequence[Known]:
    return [
        {
            _ID: drink,
            _KIND: "hot" if place < 2 else "cold",
            Feature("j", "cup"): random.choice(("red", "blue", "green")),
        }
        for place, drink in enumerate(_DRINKS)
    ]


def _bought(context: Known, action: Known) -> float:
    drink = _DRINKS.index(str(action[_ID]))
    loyalty = context[_LOYALTY]
    assert isinstance(loyalty, float)
    return (
        0.1
        + 0.35 * (context[_SEGMENT] == f"s{drink}")
        + 0.15 * (context[_DAYTIME] == ("morning", "noon", "evening", "night")[drink])
        + 0.30 * (loyalty if action[_KIND] == "hot" else 1 - loyalty)
    )


def _pair(random: Random) -> Known:
    return {
        _LEFT: random.choice(("up", "down")),
        _RIGHT: random.choice(("in", "out")),
        _NOISE: random.choice("vwxyz"),
    }


def _two(random: Random) -> Sequence[Known]:
    return [{_ID: "A"}, {_ID: "B"}]


def _both(context: Known, action: Known) -> float:
    is_a = (context[_LEFT] == "up") is not (context[_RIGHT] == "in")
    return 0.7 if is_a is (action[_ID] == "A") else 0.2


def _twins(random: Random) -> Known:
    context = dict(_customer(random))
    context[_COPY] = f"again {context[_SEGMENT]}"
    return context


def _twins_bought(context: Known, action: Known) -> float:
    # Who knows all chances looks at both: where they differ, one is as good as the other.
    drink = _DRINKS.index(str(action[_ID]))
    likes = (context[_SEGMENT] == f"s{drink}") + (context[_COPY] == f"again s{drink}")
    suits = context[_DAYTIME] == ("morning", "noon", "evening", "night")[drink]
    return 0.1 + 0.2 * likes + 0.25 * suits


def _strangers(random: Random) -> Known:
    return {_NOISE: random.choice("vwxyz"), Feature("FromUrl", "coin"): random.random() < 0.5}


def _plain(random: Random) -> Sequence[Known]:
    return [{_ID: drink} for drink in _DRINKS]


def _favourite(context: Known, action: Known) -> float:
    return dict(zip(_DRINKS, (0.2, 0.5, 0.3, 0.1), strict=True))[str(action[_ID])]


def _reader(random: Random) -> Known:
    return {_INTEREST: random.choice(_TOPICS), _NOISE: random.choice("vwxyz")}


_TOPICS = ("art", "cars", "food", "law", "music", "war")


def _articles(random: Random) -> Sequence[Known]:
    return [
        {
            _ID: f"article{random.randrange(1000)}",
            _TOPIC: random.choice(_TOPICS),
            _TAG: random.sample(("long", "new", "film", "local", "paid"), 2),
            Feature("j", "words"): round(random.random(), 2),
        }
        for _ in range(5)
    ]


def _read(context: Known, action: Known) -> float:
    tags = action[_TAG]
    assert isinstance(tags, list)
    return 0.1 + 0.5 * (context[_INTEREST] == action[_TOPIC]) + 0.15 * ("new" in tags)


def _objects(known: Known) -> list[JsonObject]:
    """A request's objects: plain members in one, and one for each other namespace."""
    plain: JsonObject = {}
    for feature, value in known.items():
        if feature.namespace in ("FromUrl", "j"):
            plain[feature.name] = value
        elif feature == _TAG:
            assert isinstance(value, list)
            plain[feature.namespace] = [{feature.name: tag} for tag in value]
        elif feature != _ID:
            members = plain.setdefault(feature.namespace, {})
            assert isinstance(members, dict)
            members[feature.name] = value
    return [plain]


def _action(known: Known) -> Action:
    return Action(str(known[_ID]), _objects(known))


def _first(chosen: int, count: int) -> tuple[int, ...]:
    return (chosen, *[index for index in range(count) if index != chosen])
