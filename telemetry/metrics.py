"""What an operator can measure: docs/operate.md has the meaning and the formula of each.

These are instruments of the OpenTelemetry API. As long as nothing exports them, measuring costs
next to nothing and leads nowhere. Every measurement is given ``attributes()`` of
``telemetry.subject``: the loop. Names are read by alerts and dashboards, and stay.
"""

from __future__ import annotations

from opentelemetry import metrics

_METER = metrics.get_meter("personalizer")

DECISIONS = _METER.create_counter(
    "personalizer.decisions", "{decision}", "Decisions that the event log has taken."
)
OUTCOMES = _METER.create_counter(
    "personalizer.outcomes", "{outcome}", "Rewards and activations that the event log has taken."
)
DROPPED = _METER.create_counter(
    "personalizer.dropped", "{decision}", "Decisions that were answered and could not be logged."
)
INSERT_LAG = _METER.create_histogram(
    "personalizer.insert.lag", "s", "From a call's arrival until the event log has its row."
)

JOINED = _METER.create_counter(
    "personalizer.joined", "{event}", "Decisions that have gone into the joined log."
)
DEFAULTED = _METER.create_counter(
    "personalizer.defaulted", "{event}", "Joined events without a reward."
)
LATE = _METER.create_counter(
    "personalizer.late", "{reward}", "Rewards that came when their event's wait was over."
)
ORPHANED = _METER.create_counter(
    "personalizer.orphaned", "{reward}", "Rewards whose event is not known."
)
DUPLICATES = _METER.create_counter(
    "personalizer.duplicates", "{decision}", "Repeats of an event id, which are no events."
)
NOT_ACTIVATED = _METER.create_counter(
    "personalizer.not_activated", "{event}", "Deferred events without an activation in their wait."
)
EXPLORED = _METER.create_counter(
    "personalizer.explored", "{event}", "Joined events that were given a less probable action."
)
# Rewards may be negative, which a histogram of the API refuses: the export makes one of this.
REWARD = _METER.create_up_down_counter(
    "personalizer.reward", "{reward}", "The rewards of joined events."
)
LEARN_TIME = _METER.create_histogram(
    "personalizer.learn.time", "s", "From the start of a run of the trainer to its commit."
)
TRAINER_FAILURES = _METER.create_counter(
    "personalizer.trainer.failures", "{run}", "Runs of the trainer that have failed."
)
MODEL_AGE = _METER.create_gauge(
    "personalizer.model.age", "s", "Since the model was made that serves."
)
MODEL_PERIODS = _METER.create_gauge(
    "personalizer.model.periods", "{period}", "How many update periods a model is waited for."
)
