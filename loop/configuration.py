"""The service configuration of a loop and its rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum

from loop.events import LearningMode


class RewardAggregation(str, Enum):
    """How several rewards of one event become one."""

    EARLIEST = "earliest"
    AVERAGE = "average"
    MEDIAN = "median"
    SUM = "sum"
    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class ServiceConfiguration:
    """What an owner sets for a loop; the defaults are those of a fresh one."""

    reward_wait_time: timedelta = timedelta(minutes=10)
    default_reward: float = 0.0
    reward_aggregation: RewardAggregation = RewardAggregation.EARLIEST
    exploration_percentage: float = 0.2
    model_export_frequency: timedelta = timedelta(minutes=5)
    log_mirror_enabled: bool = False
    log_mirror_sas_uri: str | None = None
    log_retention_days: int = 90
    last_configuration_edit_date: datetime = datetime(1601, 1, 1, tzinfo=timezone.utc)
    learning_mode: LearningMode = LearningMode.ONLINE
    is_auto_optimization_enabled: bool = False
    auto_optimization_frequency: timedelta = timedelta(days=28)
    auto_optimization_start_date: datetime | None = None
    is_inference_explainability_enabled: bool = False
    model_retrain_days: int = 2
    model_auto_publish: bool = True
    staged_model_history_length: int = 10
