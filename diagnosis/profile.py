"""What a sample of a loop's log looks like, in counts: features, choices, propensities, rewards.

Values of features are counted and never kept; names of features and ids of actions are.
"""

from __future__ import annotations

from enum import Enum

from pydantic import BaseModel, ConfigDict

from loop.events import Micros


class Place(str, Enum):
    """Which part of a rank request a feature stands in."""

    CONTEXT = "context"
    ACTION = "action"
    SLOT = "slot"


class FeatureProfile(BaseModel):
    """One feature: its name in one place of the requests.

    Attributes:
        namespace: As the model knows it: ``FromUrl`` for what is plain in the context, ``j`` for
            what is plain in an action.
        events: In how many of the sampled events it is.
        looked: How many of its values were looked at. That ends with the 500th different one.
        values: How many of those differ.
        owners: How many actions, or slots, those were of; 1 for a feature of the context.
        texts: How many were texts, and so on.
        wholes: How many were numbers without a fraction.
        vectors: How many were lists of numbers; they count as different.
        guids: How many were texts in the form of a GUID.
        times: How many were texts in the form of a date with a time, or of a count of seconds.
        greatest: The largest absolute value of a number; 0 where there is none.
    """

    model_config = ConfigDict(frozen=True)

    place: Place
    namespace: str
    name: str
    events: int
    looked: int
    values: int
    owners: int
    texts: int = 0
    numbers: int = 0
    wholes: int = 0
    flags: int = 0
    nulls: int = 0
    vectors: int = 0
    guids: int = 0
    times: int = 0
    greatest: float = 0.0

    @property
    def full_name(self) -> str:
        """As an application finds it again: ``user.profileType``."""
        return f"{self.namespace}.{self.name}" if self.name else self.namespace


class NamespaceProfile(BaseModel):
    """One namespace, and in how many events it is."""

    model_config = ConfigDict(frozen=True)

    place: Place
    name: str
    events: int


class ActionsProfile(BaseModel):
    """What the calls had to choose from.

    Attributes:
        calls: How many there were.
        offered: How many actions they had together.
        most: The most that one had.
        single: Calls with one eligible action, where nothing can be chosen.
        without_context: Calls without any feature of the context.
        bare: Calls whose actions have no features but their ids.
        twins: Calls in which two actions or more have the same features, and there are some.
        alike: Calls in which all actions do, and there are two or more.
        ids: How many different ids there are among ``ids_looked``; looking ends with the 2,000th.
    """

    model_config = ConfigDict(frozen=True)

    calls: int = 0
    offered: int = 0
    most: int = 0
    single: int = 0
    without_context: int = 0
    bare: int = 0
    twins: int = 0
    alike: int = 0
    ids: int = 0
    ids_looked: int = 0


class PropensityProfile(BaseModel):
    """How choices were drawn, where there was more than one action.

    Attributes:
        modelless: How many were drawn before a model, or without its help.
        uniform: How many of those that a model has drawn had equal probabilities.
        certain: In how many the action chosen had the probability 1.
        floor: The mean of the smallest probability times the number of actions: 1 where choices
            are even, the share of exploration where it is spread evenly.
    """

    model_config = ConfigDict(frozen=True)

    choices: int = 0
    modelless: int = 0
    uniform: int = 0
    certain: int = 0
    floor: float = 0.0

    @property
    def modelled(self) -> int:
        """How many choices a model has drawn."""
        return self.choices - self.modelless


class FavouriteProfile(BaseModel):
    """The action that a model prefers most often.

    Attributes:
        action: Its id.
        times: In how many choices it has the highest probability.
        choices: How many choices had a highest one.
        contexts: How many contexts those choices differ in; counting ends with 1,000.
        actions: How many actions were the preferred one at some time; counting ends with 1,000.
    """

    model_config = ConfigDict(frozen=True)

    action: str = ""
    times: int = 0
    choices: int = 0
    contexts: int = 0
    actions: int = 0


class DelayProfile(BaseModel):
    """Seconds from decision to reward: quantiles."""

    model_config = ConfigDict(frozen=True)

    rewards: int
    median: float
    p90: float
    p95: float
    longest: float


class RewardsProfile(BaseModel):
    """What came of decisions that were put to use.

    Attributes:
        outcomes: How many there are: one of each event, or of each slot.
        rewarded: How many had a reward; the others count with the default.
        several: How many had more than one.
        values: How many different outcomes there are; counting ends with 200.
        commonest: How often the most frequent one came.
        outside: How many are below -1 or above 1.
        mean: Of all outcomes.
        delays: None where no reward came.
        inactive: Events that were deferred and not activated.
        inactive_rewarded: How many of those had a reward.
    """

    model_config = ConfigDict(frozen=True)

    outcomes: int = 0
    rewarded: int = 0
    several: int = 0
    values: int = 0
    commonest: int = 0
    outside: int = 0
    least: float = 0.0
    greatest: float = 0.0
    mean: float = 0.0
    delays: DelayProfile | None = None
    inactive: int = 0
    inactive_rewarded: int = 0


class StraysProfile(BaseModel):
    """Rewards that no event was learned with, held against the sampled events.

    Attributes:
        looked: How many were looked at.
        known: How many name one of the sampled events.
        respelt: How many would, but for their case or the spaces around them.
        delays: Of the known ones that were late.
        forgotten: Of the known ones that came so late that their event was no longer remembered.
    """

    model_config = ConfigDict(frozen=True)

    looked: int = 0
    known: int = 0
    respelt: int = 0
    delays: DelayProfile | None = None
    forgotten: DelayProfile | None = None


class Comparison(BaseModel):
    """How much more the choices made have earned than another policy would have.

    Attributes:
        reward: What the other policy would have earned on average.
        gain: How much more the choices made have.
        half_width: Half the 95 % interval around ``gain``.
    """

    model_config = ConfigDict(frozen=True)

    reward: float
    gain: float
    half_width: float

    @property
    def better(self) -> bool:
        """Whether the choices made are better beyond doubt."""
        return self.gain - self.half_width > 0

    @property
    def worse(self) -> bool:
        """Whether they are worse beyond doubt."""
        return self.gain + self.half_width < 0


class PerformanceProfile(BaseModel):
    """What choices have earned that a model has made by itself, in the mode Online.

    Attributes:
        choices: How many there are.
        reward: Their mean reward.
        random: Against an even choice; None where nothing can be compared.
        baseline: Against the first action, or each slot's baseline.
    """

    model_config = ConfigDict(frozen=True)

    choices: int = 0
    reward: float = 0.0
    random: Comparison | None = None
    baseline: Comparison | None = None


class Profile(BaseModel):
    """All that is known of a sample.

    Attributes:
        first: When the first of its events was decided.
        last: When the last one was.
        events: How many there are.
        bytes: The mean length of their features as JSON.
        width: The mean number of features of an action, with those of the context.
        features: The most frequent first.
        features_once: How many features are in one event only.
        features_left_out: Features that came when there were too many; each time counts.
        newest: The propensities of the last 200 choices.
        modelless_until: When the last choice was drawn without a model; 0 where none was.
    """

    model_config = ConfigDict(frozen=True)

    first: Micros
    last: Micros
    events: int
    bytes: float
    width: float
    features: tuple[FeatureProfile, ...]
    features_once: int
    features_left_out: int
    namespaces: tuple[NamespaceProfile, ...]
    actions: ActionsProfile
    propensities: PropensityProfile
    newest: PropensityProfile
    modelless_until: Micros = Micros(0)
    favourite: FavouriteProfile
    rewards: RewardsProfile
    strays: StraysProfile
    performance: PerformanceProfile
