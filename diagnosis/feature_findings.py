"""Findings about features: those that nothing can be learned from, and those that mislead."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from diagnosis.facts import Facts
from diagnosis.findings import SAMPLE, Finding, Severity, listed, many, percent, share, some
from diagnosis.profile import FeatureProfile, Place, Profile
from diagnosis.survey import DAY

SMALL_SET = range(3, 32)
"""How many whole numbers a feature may have to look like a set of categories."""


def feature_findings(facts: Facts) -> Iterator[Finding]:
    """What there is to say about features and actions, of a sample that is large enough."""
    profile = facts.profile
    if profile is None or profile.events < SAMPLE:
        return
    yield from _unique(profile)
    yield from _times(profile)
    yield from _rare_values(profile)
    yield from _names(profile)
    yield from _small_sets(profile)
    yield from _constant(profile)
    yield from _seldom(profile)
    yield from _wide(profile)
    yield from _context(profile)
    yield from _actions(profile)


def is_time(feature: FeatureProfile) -> bool:
    """Whether its values are points in time."""
    return feature.times >= 0.9 * feature.looked


def is_unique(feature: FeatureProfile) -> bool:
    """Whether nearly every event has another value: an id, that is; no number that is measured.

    A feature of an action may differ with the action; it counts where it differs beyond that.
    """
    if feature.looked < SAMPLE or is_time(feature) or feature.values < 0.9 * feature.looked:
        return False
    named = feature.texts >= 0.9 * feature.looked
    numbered = feature.wholes == feature.looked and feature.greatest > 10 * feature.looked
    return (named or numbered) and feature.owners < 0.5 * feature.values


def _matching(profile: Profile, fits: Callable[[FeatureProfile], bool]) -> list[FeatureProfile]:
    return [feature for feature in profile.features if feature.looked >= SAMPLE and fits(feature)]


def _named(features: list[FeatureProfile]) -> list[str]:
    return [feature.full_name for feature in features]


def _unique(profile: Profile) -> Iterator[Finding]:
    found = _matching(profile, is_unique)
    if not found:
        return
    names = _named(found)
    guids = _named([f for f in found if f.guids >= 0.9 * f.looked])
    text = (
        f"Nearly each event has another value of {listed(names)}. What comes once is never seen"
        " again, so that nothing can be learned from it; it takes room in the model, and hides"
        " what matters."
    )
    if guids:
        text += f" {listed(guids)}: {'it looks' if len(guids) == 1 else 'they look'} like GUIDs."
    yield Finding(
        "unique-values",
        Severity.WARNING,
        "Features are unique to their events",
        text,
        "Leave such ids out, or let their names begin with an underscore, so that they are"
        " ignored. Send instead what many events have in common, such as a segment of users.",
        {"features": some(names), "values": {f.full_name: f.values for f in found[:10]}},
    )


def _times(profile: Profile) -> Iterator[Finding]:
    names = _named(_matching(profile, is_time))
    if names:
        yield Finding(
            "timestamps",
            Severity.WARNING,
            "Features are points in time",
            f"{listed(names)} hold dates with a time. They never come again, so that nothing can"
            " be learned from them.",
            "Send what recurs: the part of the day, the day of the week, whether it is a holiday.",
            {"features": some(names)},
        )


def _rare_values(profile: Profile) -> Iterator[Finding]:
    def is_rare(feature: FeatureProfile) -> bool:
        return (
            feature.texts >= 0.9 * feature.looked
            and feature.values >= SAMPLE
            and feature.looked < 5 * feature.values
            and feature.owners < 0.5 * feature.values
            and not is_unique(feature)
            and not is_time(feature)
        )

    names = _named(_matching(profile, is_rare))
    if names:
        yield Finding(
            "rare-values",
            Severity.ADVICE,
            "Features have very many values",
            f"Each value of {listed(names)} came fewer than five times on average in the sample."
            " What comes seldom is learned slowly.",
            "Put values into groups: regions for cities, ranges for prices, the most frequent ones"
            " and 'other'.",
            {"features": some(names)},
        )


def _names(profile: Profile) -> Iterator[Finding]:
    once, tracked = profile.features_once, len(profile.features)
    if tracked >= 50 and once >= 0.5 * tracked:
        yield Finding(
            "unique-names",
            Severity.WARNING,
            "Names of features are unique to their events",
            f"{percent(once, tracked)} of the first {many(tracked, 'name')} of features in the"
            " sample came in one event only: they hold an id or a value, it seems. Nothing can be"
            " learned from a feature that never comes again.",
            'Give features fixed names, and put what changes into the value: {"city": "Oslo"}'
            ' instead of {"city_Oslo": true}.',
            {"once": once, "names": tracked, "leftOut": profile.features_left_out},
        )
    elif profile.features_left_out:
        yield Finding(
            "many-features",
            Severity.ADVICE,
            "There are very many features",
            f"The sample has more than {many(tracked, 'feature')}; only the first of them were"
            " looked at. Models weigh them with each other, and get slow and large by it.",
            "Send those that matter: feature importance says which.",
            {"names": tracked, "leftOut": profile.features_left_out},
        )


def _small_sets(profile: Profile) -> Iterator[Finding]:
    def is_small_set(feature: FeatureProfile) -> bool:
        return feature.wholes == feature.looked and feature.values in SMALL_SET

    names = _named(_matching(profile, is_small_set))
    if names:
        yield Finding(
            "categories-as-numbers",
            Severity.ADVICE,
            "Features are whole numbers from a small set",
            f"{listed(names)} hold a few different whole numbers. A number is a weight for the"
            " model: 6 counts six times as much as 1, and 0 as nothing. That is right for counts,"
            " and wrong for what only has a number for a name: days of the week, hours,"
            " categories.",
            'Send categories as texts: "6" instead of 6. Leave counts and amounts as they are.',
            {"features": some(names)},
        )


def _constant(profile: Profile) -> Iterator[Finding]:
    lasted = profile.last - profile.first >= DAY

    def is_constant(feature: FeatureProfile) -> bool:
        everywhere = feature.events >= 0.99 * profile.events
        varied = lasted if feature.place is Place.CONTEXT else feature.owners > 1
        return feature.values == 1 and everywhere and varied

    names = _named(_matching(profile, is_constant))
    if names:
        yield Finding(
            "constant-features",
            Severity.ADVICE,
            "Features never change",
            f"{listed(names)} had one and the same value in all of {profile.events:,} sampled"
            " events. That tells the model nothing.",
            "Leave them out, unless they are to change soon.",
            {"features": some(names), "events": profile.events},
        )


def _seldom(profile: Profile) -> Iterator[Finding]:
    if profile.events < 10 * SAMPLE:
        return
    found = [
        f for f in profile.features if f.place is Place.CONTEXT and f.events < 0.01 * profile.events
    ]
    if found and profile.features_once < 0.5 * len(profile.features):
        names = _named(found)
        yield Finding(
            "seldom-features",
            Severity.ADVICE,
            "Features are hardly ever there",
            f"{listed(names)} came in less than 1 % of {profile.events:,} sampled events.",
            "Is the name spelt the same everywhere? If the value is rarely known, that is fine.",
            {"features": some(names), "events": profile.events},
        )


def _wide(profile: Profile) -> Iterator[Finding]:
    if profile.width >= 300 or profile.bytes >= 100_000:
        yield Finding(
            "large-requests",
            Severity.ADVICE,
            "Requests are large",
            f"An action and the context have {profile.width:,.0f} features together on average, and"
            f" the features of a call take {profile.bytes / 1000:,.0f} kB. Policies that multiply"
            " namespaces with each other (-q ::) get slow by it, ranks as well as learning.",
            "Send fewer features, or name the pairs of namespaces that matter in the policy.",
            {"featuresOfAction": round(profile.width), "bytes": round(profile.bytes)},
        )


def _context(profile: Profile) -> Iterator[Finding]:
    actions = profile.actions
    part = share(actions.without_context, actions.calls)
    if part >= 0.5:
        yield Finding(
            "no-context",
            Severity.WARNING,
            "Calls have no context",
            f"{percent(part)} of {many(actions.calls, 'sampled call')} have no context features."
            " Without them everybody gets the same: the action that is best on average.",
            "Send what is known of the user and the occasion as contextFeatures.",
            {"withoutContext": actions.without_context, "calls": actions.calls},
        )


def _actions(profile: Profile) -> Iterator[Finding]:
    actions = profile.actions
    several = actions.calls - actions.single
    if actions.ids_looked >= SAMPLE and actions.ids >= 0.9 * actions.ids_looked:
        yield Finding(
            "unique-action-ids",
            Severity.WARNING,
            "Actions have other ids in each call",
            f"Among {many(actions.ids_looked, 'action')} of the sample there are {actions.ids:,}"
            " different ids. What is learned of an action by its id is of no use in the next call.",
            "Give an action the same id in each call. If each call really has new actions,"
            " describe them by features.",
            {"ids": actions.ids, "actions": actions.ids_looked},
        )
    elif several and actions.bare >= 0.5 * several and actions.ids > 50:
        yield Finding(
            "actions-without-features",
            Severity.WARNING,
            "Actions have no features",
            f"In {percent(actions.bare, several)} of the calls actions have nothing but their ids,"
            f" of which there are {actions.ids:,} or more. Each has to be learned by itself, and a"
            " new one is not known at all.",
            "Send features that actions share: kind, price range, topic.",
            {"calls": several, "bare": actions.bare, "ids": actions.ids},
        )
    if several and actions.twins >= 0.5 * several:
        yield Finding(
            "actions-look-alike",
            Severity.WARNING if actions.alike >= 0.5 * several else Severity.ADVICE,
            "Actions look alike",
            f"In {percent(actions.twins, several)} of {many(several, 'sampled call')} at least two"
            f" actions have the same features, and in {percent(actions.alike, several)} all of them"
            " do. The model can tell those apart by their ids alone.",
            "Send features in which actions differ. Is the same object sent for all of them?",
            {"calls": several, "twoAlike": actions.twins, "allAlike": actions.alike},
        )
