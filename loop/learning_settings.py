"""Learning settings: VW arguments that decide how a loop learns, and nothing else.

What a client puts is read into options, held against an allow-list, and tried on a real model.
A model is never built with the client's text, but with what was read from it, so that VW can't
read it in another way than it was checked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from loop.errors import InvalidPolicyConfiguration
from loop.events import LoopKind
from loop.model import Model, ModelError, Scores
from loop.models import AnyModel, open_model
from loop.multi_slot_model import AskedSlot, SlotLabel

DEFAULT_ARGUMENTS = "--cb_explore_adf --epsilon 0.2 --power_t 0 -l 0.001 --cb_type mtr -q ::"
"""The retired service's default for a single-slot loop, to the letter."""

DEFAULT_MULTI_SLOT_ARGUMENTS = DEFAULT_ARGUMENTS.replace("--cb_explore_adf", "--ccb_explore_adf")
"""The same for a multi-slot loop."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One option by its long name, with its value as text; a switch has none."""

    name: str
    value: str | None = None

    def __str__(self) -> str:
        return f"--{self.name}" if self.value is None else f"--{self.name}={self.value}"


@dataclass(frozen=True, slots=True)
class _Option:
    """What may follow a name.

    Attributes:
        fits: Whether a value is allowed; None for a switch.
        expected: What is allowed, for a message.
        many: Whether several values may follow, and the option may be repeated.
    """

    fits: Callable[[str], bool] | None = None
    expected: str = "no value"
    many: bool = False


_NUMBER = re.compile(r"[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"\d{1,10}", re.ASCII)
_NAMESPACE = r"(?:\\x[0-9A-Fa-f]{2}|[!#-&(-,.-[\]-{}~])"  # printable, but for quotes, - \ and |
_NAMESPACES = re.compile(f"{_NAMESPACE}+")
_WILDCARD = re.compile(r":|\\x3[Aa]")
_WILDCARDS = {2: 2, 3: 1}
"""How many of an interaction may be wildcards, by its order: what they cost multiplies."""


def _number(lowest: float, highest: float) -> _Option:
    def fits(value: str) -> bool:
        return _NUMBER.fullmatch(value) is not None and lowest <= float(value) <= highest

    return _Option(fits, f"a number from {lowest:g} to {highest:g}")


def _whole(lowest: int, highest: int) -> _Option:
    def fits(value: str) -> bool:
        return _WHOLE.fullmatch(value) is not None and lowest <= int(value) <= highest

    return _Option(fits, f"a whole number from {lowest} to {highest}")


def _choice(*choices: str) -> _Option:
    return _Option(lambda value: value in choices, "one of " + ", ".join(choices))


def _interactions(*orders: int) -> _Option:
    def fits(value: str) -> bool:
        order = len(re.findall(_NAMESPACE, value))
        return (
            _NAMESPACES.fullmatch(value) is not None
            and order in orders
            and len(_WILDCARD.findall(value)) <= _WILDCARDS[order]
        )

    allowed = " or ".join(
        f"{order} namespaces, at most {_WILDCARDS[order]} of them the wildcard :"
        for order in orders
    )
    return _Option(fits, f"the first letters of {allowed}", many=True)


def _is_list_of_namespaces(value: str) -> bool:
    return _NAMESPACES.fullmatch(value) is not None and not _WILDCARD.search(value)


_SWITCH = _Option()
_SEED = _whole(0, 2**32 - 1)
# What a decision costs grows with the number of policies and with the order of interactions. The
# table of weights takes 16 bytes << bits.
_POLICIES = _whole(1, 32)
_LETTERS = _Option(_is_list_of_namespaces, "first letters of namespaces, no wildcard", many=True)

# Left out on purpose, beside all that touches data, files, network and output: what gives no
# probability distribution (regcbopt, squarecb's elim), models that are written whole though
# nothing was learned (initial_weight, random_weights), and tables that grow without bound.
_OPTIONS: Mapping[str, _Option] = {
    # the loop's kind, and how costs are estimated
    "cb_explore_adf": _SWITCH,
    "ccb_explore_adf": _SWITCH,
    "cb_type": _choice("ips", "dm", "dr", "mtr", "sm"),
    "clip_p": _number(0, 1),
    "loss_function": _choice("squared", "classic", "quantile"),
    "quantile_tau": _number(0, 1),
    "min_prediction": _number(-1e6, 1e6),
    "max_prediction": _number(-1e6, 1e6),
    # exploration
    "epsilon": _number(0, 1),
    "first_only": _SWITCH,
    "first": _whole(1, 10**6),
    "bag": _POLICIES,
    "greedify": _SWITCH,
    "cover": _POLICIES,
    "psi": _number(0, 1000),
    "nounif": _SWITCH,
    "softmax": _SWITCH,
    "lambda": _number(0, 1e6),
    "regcb": _SWITCH,
    "squarecb": _SWITCH,
    "mellowness": _number(0, 1000),
    "cb_min_cost": _number(-1e6, 1e6),
    "cb_max_cost": _number(-1e6, 1e6),
    "gamma_scale": _number(0, 1e6),
    "gamma_exponent": _number(0, 10),
    "rnd": _POLICIES,
    "rnd_alpha": _number(0, 1000),
    "rnd_invlambda": _number(0, 1000),
    "synthcover": _SWITCH,
    "synthcoverpsi": _number(0, 1000),
    "synthcoversize": _whole(1, 1000),
    # features and their interactions
    "quadratic": _interactions(2),
    "cubic": _interactions(3),
    "interactions": _interactions(2, 3),
    "permutations": _SWITCH,
    "leave_duplicate_interactions": _SWITCH,
    "ignore": _LETTERS,
    "ignore_linear": _LETTERS,
    "keep": _LETTERS,
    "noconstant": _SWITCH,
    "constant": _number(-1000, 1000),
    "bit_precision": _whole(1, 22),
    "hash": _choice("all", "strings"),
    "hash_seed": _SEED,
    "random_seed": _SEED,
    # updates and regularisation
    "learning_rate": _number(0, 100),
    "power_t": _number(0, 10),
    "initial_t": _number(0, 1e9),
    "decay_learning_rate": _number(0, 1),
    "sgd": _SWITCH,
    "adaptive": _SWITCH,
    "adax": _SWITCH,
    "normalized": _SWITCH,
    "invariant": _SWITCH,
    "ftrl": _SWITCH,
    "coin": _SWITCH,
    "pistol": _SWITCH,
    "ftrl_alpha": _number(0, 1000),
    "ftrl_beta": _number(0, 1000),
    "l1": _number(0, 1),
    "l2": _number(0, 1),
    "no_bias_regularization": _SWITCH,
}
_SHORT: Mapping[str, str] = {
    "b": "bit_precision",
    "l": "learning_rate",
    "q": "quadratic",
    "C": "constant",
}
_KINDS: Mapping[str, LoopKind] = {
    "cb_explore_adf": LoopKind.SINGLE_SLOT,
    "ccb_explore_adf": LoopKind.MULTI_SLOT,
}
_EXPLORERS = ("first", "bag", "cover", "softmax", "regcb", "squarecb", "rnd", "synthcover")

_TOKEN = re.compile(r"""(?:[^ \t\r\n"']|"[^"]*"|'[^']*')+""")
_QUOTED = re.compile(r"""(["'])(.*?)\1""", re.DOTALL)


def _refuse(message: str) -> InvalidPolicyConfiguration:
    return InvalidPolicyConfiguration(message, target="arguments")


def _tokens(arguments: str) -> list[str]:
    for place, character in enumerate(arguments):
        if not (" " <= character <= "~" or character in "\t\r\n"):
            raise _refuse(
                f"The character U+{ord(character):04X} at position {place} can't stand in "
                "arguments; options begin with plain hyphens, and all of it is ASCII."
            )
    if _TOKEN.sub("", arguments).strip():
        raise _refuse("A quotation mark is not closed.")
    return [_QUOTED.sub(r"\2", token) for token in _TOKEN.findall(arguments)]


def _is_option(token: str) -> bool:
    return token.startswith("-") and len(token) > 1 and _NUMBER.fullmatch(token) is None


def _name_and_value(token: str) -> tuple[str, str | None]:
    """Split ``--name``, ``--name=value``, ``-q`` and ``-qFi``."""
    if not _is_option(token):
        raise _refuse(f"{token[:64]!r} belongs to no option.")
    if token.startswith("--"):
        name, equals, value = token[2:].partition("=")
        shown, given = f"--{name[:64]}", value if equals else None
    else:
        shown, given = token[:2], token[2:] or None
        name = _SHORT.get(token[1], "")
    if name not in _OPTIONS:
        raise _refuse(
            f"{shown} is not allowed: arguments hold options of learning and exploration, and "
            "nothing about data, files, network, output or saved models."
        )
    return name, given


def _values(name: str, given: str | None, rest: list[str]) -> Iterator[str]:
    """The values of an option that takes some; ``rest`` is reversed, and loses what is taken."""
    if given is None:
        if not rest or _is_option(rest[-1]):
            raise _refuse(f"--{name} needs a value: {_OPTIONS[name].expected}.")
        given = rest.pop()
    yield given
    while _OPTIONS[name].many and rest and not _is_option(rest[-1]):
        yield rest.pop()


def _read(arguments: str) -> Iterator[Setting]:
    rest = _tokens(arguments)[::-1]
    while rest:
        name, given = _name_and_value(rest.pop())
        option = _OPTIONS[name]
        if option.fits is None:
            if given is not None:
                raise _refuse(f"--{name} takes no value, and {given[:64]!r} was given.")
            yield Setting(name)
            continue
        for value in _values(name, given, rest):
            if not option.fits(value):
                raise _refuse(f"--{name} is {value[:64]!r}; it should be {option.expected}.")
            yield Setting(name, value)


def parse(arguments: str) -> tuple[Setting, ...]:
    """Read arguments in any spelling that VW takes: all options allowed, each with a fit value.

    An option that is repeated with the same value counts once. VW takes no abbreviated names.

    Raises:
        InvalidPolicyConfiguration: The message names the option, and what is allowed.

    >>> [str(setting) for setting in parse("--cb_explore_adf -qFi -q :: jj --epsilon=.1")]
    ['--cb_explore_adf', '--quadratic=Fi', '--quadratic=::', '--quadratic=jj', '--epsilon=.1']
    """
    settings: dict[str, list[Setting]] = {}
    order = dict.fromkeys(_read(arguments))
    for setting in order:
        settings.setdefault(setting.name, []).append(setting)
    for name, given in settings.items():
        if len(given) > 1 and not _OPTIONS[name].many:
            values = " and ".join(str(setting.value) for setting in given)
            raise _refuse(f"--{name} is given with different values: {values}.")
    kinds = [f"--{name}" for name in _KINDS if name in settings]
    if not kinds:
        raise _refuse(
            "--cb_explore_adf is missing, and so is --ccb_explore_adf; without one of them nothing"
            " is explored."
        )
    if len(kinds) > 1:
        raise _refuse(f"{' and '.join(kinds)} are kinds of loops; only one can be had.")
    explorers = [f"--{name}" for name in _EXPLORERS if name in settings]
    if len(explorers) > 1:
        raise _refuse(f"{' and '.join(explorers)} are ways to explore; only one can be had.")
    return tuple(order)


def is_allowed(name: str) -> bool:
    """Whether a policy may hold an option, by its long name."""
    return name in _OPTIONS


def kind_of(arguments: str) -> LoopKind:
    """The kind of loop that arguments are for; they may be some that are not allowed any more.

    >>> kind_of("--ccb_explore_adf -l 0.1").value
    'multi-slot'
    """
    tokens = [_QUOTED.sub(r"\2", token) for token in _TOKEN.findall(arguments)]
    names = {token.removeprefix("--").partition("=")[0] for token in tokens}
    return LoopKind.MULTI_SLOT if "ccb_explore_adf" in names else LoopKind.SINGLE_SLOT


def render(settings: Sequence[Setting]) -> str:
    """One text for settings, which reads back as the same.

    >>> render(parse(DEFAULT_ARGUMENTS + " --first_only"))[:49]
    '--cb_explore_adf --epsilon=0.2 --power_t=0 --lear'
    """
    return " ".join(str(setting) for setting in settings)


def with_exploration(arguments: str, exploration: float) -> str:
    """The arguments that a model is built with.

    Args:
        arguments: Checked before; the text itself stays as it is wherever it is kept.
        exploration: 0 to 1; takes the place of ``--epsilon``'s value, or is added at the end.

    >>> with_exploration("--cb_explore_adf -l 0.1", 0.3)
    '--cb_explore_adf --learning_rate=0.1 --epsilon=0.3'
    """
    epsilon = Setting("epsilon", repr(float(exploration)))
    settings = [s if s.name != epsilon.name else epsilon for s in parse(arguments)]
    return render(settings if epsilon in settings else [*settings, epsilon])


_REHEARSAL = ["shared |FromUrl a b |device c:2.5", "|i x |j d e:1", "|i y |j f", "|i z"]
_PAGE = [*_REHEARSAL, "|slot g |h k:2", "|"]
_SLOTS = (AskedSlot((0, 1, 2), "1"), AskedSlot((0, 1, 2), "2"))


def _choices(model: AnyModel) -> tuple[Scores, ...]:
    return (model.decide(_REHEARSAL),) if isinstance(model, Model) else model.decide(_PAGE, _SLOTS)


def _decide(model: AnyModel) -> None:
    choices = _choices(model)
    again = _choices(model)
    fair = all(
        all(0 <= p <= 1.001 for p in scores.probabilities)
        and math.isclose(sum(scores.probabilities), 1, abs_tol=0.001)
        for scores in choices
    )
    if not fair:
        raise _refuse("VW's answers with these arguments are no probabilities.")
    if choices != again:
        raise _refuse("VW answers the same question differently with these arguments.")


def _learn(model: AnyModel) -> None:
    for action, cost in ((0, -1.0), (1, 0.0), (2, 0.5)):
        if isinstance(model, Model):
            model.learn(_REHEARSAL, action, cost, 0.25)
        else:
            ranking = [action, *(other for other in range(3) if other != action)]
            labels = (SlotLabel(ranking, cost, 0.25), SlotLabel(ranking[1:], 0.5 - cost, 0.5))
            model.learn(_PAGE, labels)


def check(arguments: str) -> None:
    """Accept arguments that are allowed and that VW can decide, learn, save and load with.

    Raises:
        InvalidPolicyConfiguration: An option is not allowed, its value is out of range, or VW
            rejects them together; the message holds VW's own reason.
    """
    built = render(parse(arguments))
    try:
        with open_model(built) as model:
            _decide(model)
            _learn(model)
            _decide(model)
            saved = model.save()
        with open_model(built, saved) as model:
            _decide(model)
    except ModelError as error:
        raise _refuse(f"VW rejects the arguments: {error}") from None
