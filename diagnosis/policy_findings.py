"""Findings about learning settings: whether they can personalise, and whether they get better."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from diagnosis.facts import Facts, crossing_of, first_bytes
from diagnosis.findings import SAMPLE, Finding, Severity, instant, listed, some
from diagnosis.profile import Place, Profile
from loop.events import LoopKind
from loop.interactions import Namespaces
from loop.learning_settings import Setting

_PRINTABLE = range(0x20, 0x7F)


def policy_findings(facts: Facts) -> Iterator[Finding]:
    """What there is to say about the policy, and the search for a better one."""
    options, profile = facts.policy_settings, facts.profile
    if options is not None and profile is not None and profile.events >= SAMPLE:
        yield from _personalises(facts, options, profile)
        yield from _collisions(options, profile)
        yield from _beyond_wildcards(options, profile)
    yield from _optimization(facts)


def _letters(options: Collection[Setting], profile: Profile, place: Place) -> set[int]:
    """First bytes of the namespaces of a place, but for those that the policy leaves out."""
    found = set(first_bytes(profile, place))
    kept = {byte for o in options if o.name == "keep" for byte in (o.value or "").encode()}
    ignored = {byte for o in options if o.name == "ignore" for byte in (o.value or "").encode()}
    return (found & kept if kept else found) - ignored


def _personalises(
    facts: Facts, options: tuple[Setting, ...], profile: Profile
) -> Iterator[Finding]:
    context = _letters(options, profile, Place.CONTEXT)
    actions = _letters(options, profile, Place.ACTION)
    if not first_bytes(profile, Place.CONTEXT):
        return
    met = crossing_of(options).among(context | actions)
    if any(_crosses(each, context, actions) for each in met):
        return
    yield Finding(
        "policy-cannot-personalise",
        Severity.PROBLEM,
        "The policy can't personalise",
        f"The policy {facts.settings.policy_in_force().name!r} multiplies no namespace of the"
        " context with one of the actions. Then the context adds the same to the score of every"
        " action, and everybody gets the same one.",
        "Put -q :: into the policy's arguments, or DELETE configurations/policy for the default;"
        " or let an evaluation with optimization find better ones.",
        {
            "arguments": facts.settings.policy_in_force().arguments,
            "contextNamespaces": some([n for v in _of(profile, Place.CONTEXT) for n in v]),
            "actionNamespaces": some([n for v in _of(profile, Place.ACTION) for n in v]),
        },
    )


def _of(profile: Profile, place: Place) -> Collection[list[str]]:
    return first_bytes(profile, place).values()


def _crosses(met: Namespaces, context: set[int], actions: set[int]) -> bool:
    return any(
        one in context and other in actions
        for place, one in enumerate(met)
        for other in (*met[:place], *met[place + 1 :])
    )


def _collisions(options: tuple[Setting, ...], profile: Profile) -> Iterator[Finding]:
    by_byte: dict[int, dict[str, set[Place]]] = {}
    for place in Place:
        for byte, names in first_bytes(profile, place).items():
            for name in names:
                by_byte.setdefault(byte, {}).setdefault(name, set()).add(place)
    found = {byte: names for byte, names in by_byte.items() if len(names) > 1}
    if not found:
        return
    across = {byte for byte, names in found.items() if len(set[Place]().union(*names.values())) > 1}
    named = {byte for met in crossing_of(options).interactions for byte in met}
    groups = [" and ".join(sorted(names)) for names in found.values()]
    yield Finding(
        "namespaces-collide",
        Severity.WARNING if across & named else Severity.ADVICE,
        "Namespaces share a first letter",
        f"Policies know a namespace by its first letter, and can't tell {'; '.join(groups)} apart:"
        " what -q and --interactions say of one holds for the other as well, also in the policies"
        " that an optimization finds."
        + (
            " F, i and j are those of FromUrl, of an action's id and of its plain features."
            if any(chr(byte) in "Fijs" for byte in found)
            else ""
        ),
        "Name the objects in requests so that they begin with different letters. The model has to"
        " learn them anew then.",
        {"namespaces": [some(sorted(names)) for names in found.values()]},
    )


def _beyond_wildcards(options: tuple[Setting, ...], profile: Profile) -> Iterator[Finding]:
    if not any(ord(":") in met for met in crossing_of(options).interactions):
        return
    names = [
        name
        for place in Place
        for byte, found in first_bytes(profile, place).items()
        if byte not in _PRINTABLE
        for name in found
    ]
    if names:
        yield Finding(
            "namespaces-beyond-wildcards",
            Severity.WARNING,
            "Namespaces are left out of interactions",
            f"{listed(names)} begin with a letter outside ASCII. A wildcard of the policy (-q ::)"
            " does not stand for those.",
            "Let the names begin with an ASCII letter.",
            {"namespaces": some(names)},
        )


def _optimization(facts: Facts) -> Iterator[Finding]:
    last, hindrance = facts.optimization, facts.settings.optimization_hindrance
    if last is not None and last.finished is not None:
        yield Finding(
            "auto-optimization",
            Severity.FINE,
            "Better learning settings were looked for",
            f"At {instant(last.finished)}, with the outcome that the policy was"
            f" {'replaced' if last.applied else 'kept'}. {last.description}".strip(),
            evidence={"finished": instant(last.finished), "applied": last.applied},
        )
    if hindrance is not None and facts.settings.kind is LoopKind.SINGLE_SLOT:
        yield Finding(
            "auto-optimization-off",
            Severity.ADVICE,
            "Nobody looks for better learning settings",
            f"The loop does not optimise itself: {hindrance}. Learning settings that fit a loop's"
            " own features often earn far more than the default ones.",
            "Set isAutoOptimizationEnabled to true, with learningMode Online; or create an"
            " evaluation with optimization now and then.",
            {"policy": facts.settings.policy_in_force().name},
        )
