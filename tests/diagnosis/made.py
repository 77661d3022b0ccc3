"""Facts of a loop that is well, for a test to spoil."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pydantic import BaseModel

from diagnosis.facts import Facts
from diagnosis.findings import Finding
from diagnosis.profile import (
    ActionsProfile,
    Comparison,
    DelayProfile,
    FavouriteProfile,
    FeatureProfile,
    NamespaceProfile,
    PerformanceProfile,
    Place,
    Profile,
    PropensityProfile,
    RewardsProfile,
    StraysProfile,
)
from diagnosis.report import report
from diagnosis.survey import Survey
from loop.configuration import ServiceConfiguration
from loop.events import SECOND, Micros
from loop.manifest import Counts, Manifest, PublishedModel
from loop.segments import HOUR
from loop.settings import LoopSettings, Policy

NOW = Micros(1_700_000_000 * SECOND)
MINUTE = 60 * SECOND


def feature(name: str, place: Place = Place.CONTEXT, **changes: float) -> FeatureProfile:
    """A text of four values."""
    plain = FeatureProfile(
        place=place,
        namespace="FromUrl" if place is Place.CONTEXT else "j",
        name=name,
        events=2000,
        looked=2000,
        values=4,
        owners=1 if place is Place.CONTEXT else 4,
        texts=2000,
    )
    return plain.model_copy(update=changes)


def namespace(name: str, place: Place = Place.CONTEXT) -> NamespaceProfile:
    """One that is in every event."""
    return NamespaceProfile(place=place, name=name, events=2000)


PROFILE = Profile(
    first=Micros(NOW - 2 * HOUR),
    last=Micros(NOW - 12 * MINUTE),
    events=2000,
    bytes=500.0,
    width=9.0,
    features=(feature("weather"), feature("kind", Place.ACTION)),
    features_once=0,
    features_left_out=0,
    namespaces=(namespace("FromUrl"), namespace("i", Place.ACTION), namespace("j", Place.ACTION)),
    actions=ActionsProfile(calls=2000, offered=8000, most=4, ids=4, ids_looked=8000),
    propensities=PropensityProfile(choices=2000, floor=0.2),
    newest=PropensityProfile(choices=200, floor=0.2),
    favourite=FavouriteProfile(action="tea", times=600, choices=2000, contexts=36, actions=4),
    rewards=RewardsProfile(
        outcomes=2000,
        rewarded=1500,
        values=2,
        commonest=1200,
        greatest=1.0,
        mean=0.4,
        delays=DelayProfile(rewards=1500, median=5.0, p90=20.0, p95=30.0, longest=500.0),
    ),
    strays=StraysProfile(),
    performance=PerformanceProfile(
        choices=2000,
        reward=0.4,
        random=Comparison(reward=0.25, gain=0.15, half_width=0.03),
        baseline=Comparison(reward=0.26, gain=0.14, half_width=0.03),
    ),
)

COUNTS = Counts(decisions=10_000, learned=10_000, defaulted=2_500, rewards=7_500, joined=7_500)

MODEL = PublishedModel(
    id="m1", blob="models/m1.vw", sha256="", arguments="", created=Micros(NOW - 3 * MINUTE)
)

HEALTHY = Facts(
    now=NOW,
    grace=60 * SECOND,
    settings=LoopSettings(
        configuration=ServiceConfiguration(
            is_auto_optimization_enabled=True, reward_wait_time=timedelta(minutes=10)
        )
    ),
    manifest=Manifest(
        run_id="r1",
        sequence=9,
        position=Micros(NOW - 12 * MINUTE),
        finished=Micros(NOW - 2 * MINUTE),
        model=MODEL,
        first_model_created=Micros(NOW - HOUR),
        counts=COUNTS,
    ),
    survey=Survey(generated=Micros(NOW - MINUTE), counts=COUNTS, profile=PROFILE),
    called=True,
)


def with_profile(facts: Facts = HEALTHY, **changes: object) -> Facts:
    """The facts with other values in the profile: whole parts, or some members of one."""
    assert facts.profile is not None
    update = {}
    for name, value in changes.items():
        part = getattr(facts.profile, name)
        if isinstance(value, dict) and isinstance(part, BaseModel):
            value = part.model_copy(update=value)
        update[name] = value
    profile = facts.profile.model_copy(update=update)
    return replace(facts, survey=facts.survey.model_copy(update={"profile": profile}))


def with_counts(facts: Facts = HEALTHY, **changes: int) -> Facts:
    """The facts with other counts."""
    counts = replace(facts.manifest.counts, **changes)
    return replace(facts, manifest=facts.manifest.model_copy(update={"counts": counts}))


def with_manifest(facts: Facts = HEALTHY, **changes: object) -> Facts:
    """The facts with other values in the manifest."""
    return replace(facts, manifest=facts.manifest.model_copy(update=changes))


def with_configuration(facts: Facts = HEALTHY, **changes: object) -> Facts:
    """The facts with other values in the configuration."""
    configuration = replace(facts.configuration, **changes)  # type: ignore[arg-type]
    settings = facts.settings.model_copy(update={"configuration": configuration})
    return replace(facts, settings=settings)


def with_policy(arguments: str, facts: Facts = HEALTHY) -> Facts:
    """The facts with another policy."""
    policy = Policy(name="mine", arguments=arguments)
    return replace(facts, settings=facts.settings.model_copy(update={"policy": policy}))


def found_in(facts: Facts) -> dict[str, Finding]:
    """All findings by their ids, each of which is there once at most."""
    findings = report(facts).findings
    by_id = {finding.id: finding for finding in findings}
    assert len(by_id) == len(findings)
    return by_id
