"""What v1 clients read of an evaluation."""

from __future__ import annotations

import orjson
import pytest
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from evaluation import answers_v1
from evaluation.answers_v1 import listed, whole
from evaluation.jobs import Contender, JudgedPolicy, Origin, Result, Source, Status
from loop.estimates import Sums
from loop.features import JsonObject
from tests.evaluation.results import evaluation, judged, long

ONLINE = judged("online", Source.ONLINE, only=[(1, 1, 1.0), (2, 1, 0.0), (17, 1, 1.0)])
FOUND = judged("Hyper1", Source.FOUND, "--cb", only=[(1, 2, 1.0), (2, 0, 0.0), (17, 0.5, 1.0)])
RESULT = Result(policies=(ONLINE, FOUND), feature_importance=(("j.hot",), ("FromUrl.time", "i.id")))


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Summary(Wire):
    time_stamp: str
    ips_estimator_numerator: float
    ips_estimator_denominator: int
    snips_estimator_denominator: float
    aggregate_time_window: str
    non_zero_probability: int
    sum_of_squares: float
    confidence_interval: float
    average_reward: float


class PolicyResult(Wire):
    name: str
    arguments: str
    policy_source: str
    summary: list[Summary]
    total_summary: Summary


class Results(Wire, extra="ignore"):
    policy_results: list[PolicyResult]

    @classmethod
    def of(cls, answer: JsonObject) -> list[PolicyResult]:
        return cls.model_validate_json(orjson.dumps(answer)).policy_results


def test_an_evaluation_that_waits() -> None:
    assert whole(evaluation(), None) == {
        "id": "e1",
        "name": "first",
        "startTime": "2024-01-15T00:00:00Z",
        "endTime": "2024-01-17T00:00:00Z",
        "jobId": "e1",
        "status": "pending",
        "policyResults": [],
        "featureImportance": [],
        "evaluationType": "Manual",
        "optimalPolicy": "",
        "creationTime": "2024-01-18T00:00:00Z",
        "progress": 0.0,
        "description": "",
    }
    assert listed(evaluation()) == whole(evaluation(), None)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.WAITING, "pending"),
        (Status.RUNNING, "pending"),
        (Status.SUCCEEDED, "completed"),
        (Status.FAILED, "failed"),
        (Status.TIMED_OUT, "timeout"),
        (Status.OPTIMAL_POLICY_APPLIED, "optimalPolicyApplied"),
        (Status.ONLINE_POLICY_RETAINED, "onlinePolicyRetained"),
    ],
)
def test_statuses_as_this_generation_spells_them(status: Status, expected: str) -> None:
    assert whole(evaluation(status=status), None)["status"] == expected
    assert listed(evaluation(status=status))["status"] == expected


def test_every_status_has_a_name() -> None:
    assert all(whole(evaluation(status=status), None)["status"] for status in Status)


def test_stretches_without_gaps_and_a_total() -> None:
    online, found = Results.of(whole(evaluation(RESULT), RESULT))
    # From the first event to the last, those between without one are there as well.
    assert [one.time_stamp[11:16] for one in online.summary] == ["00:00", "00:05", "00:10", "00:15"]
    assert {one.aggregate_time_window for one in online.summary} == {"PT5M"}
    assert found.summary[0].model_dump(by_alias=True) == {
        "timeStamp": "2024-01-15T00:00:00Z",
        "ipsEstimatorNumerator": 2.0,
        "ipsEstimatorDenominator": 2,
        "snipsEstimatorDenominator": 2.0,
        "aggregateTimeWindow": "PT5M",
        "nonZeroProbability": 1,
        "sumOfSquares": 4.0,
        "confidenceInterval": found.summary[0].confidence_interval,
        "averageReward": 1.0,
    }
    assert set(
        found.summary[1].model_dump(exclude={"time_stamp", "aggregate_time_window"}).values()
    ) == {0}
    sums = Sums()
    for weight, reward in ((2.0, 1.0), (0.0, 0.0), (0.5, 1.0)):
        sums.add(weight, reward)
    assert found.total_summary.model_dump(by_alias=True) == {
        "timeStamp": "2024-01-17T00:00:00Z",
        "ipsEstimatorNumerator": 2.5,
        "ipsEstimatorDenominator": 3,
        "snipsEstimatorDenominator": 2.5,
        "aggregateTimeWindow": "P2D",
        "nonZeroProbability": 2,
        "sumOfSquares": 4.25,
        "confidenceInterval": pytest.approx(sums.half_width()),
        "averageReward": 1.0,
    }
    assert (online.name, online.policy_source, online.arguments) == ("online", "Online", "")
    assert (found.policy_source, found.arguments) == ("OfflineExperimentation", "--cb")


def test_a_picked_policy_has_a_wider_interval() -> None:
    picked = FOUND.model_copy(update={"comparisons": 20})
    [plain] = Results.of(whole(evaluation(), Result(policies=(FOUND,))))
    [wide] = Results.of(whole(evaluation(), Result(policies=(picked,))))
    assert wide.total_summary.average_reward == plain.total_summary.average_reward
    assert wide.total_summary.confidence_interval >= plain.total_summary.confidence_interval
    many = judged("x", Source.FOUND, only=[(i / 9, 1, float(i % 2)) for i in range(900)])
    sums = Sums()
    for i in range(900):
        sums.add(1.0, float(i % 2))
    [wide] = Results.of(
        whole(evaluation(), Result(policies=(many.model_copy(update={"comparisons": 20}),)))
    )
    assert wide.total_summary.confidence_interval == pytest.approx(sums.half_width(20))
    assert wide.total_summary.confidence_interval > 1.4 * sums.half_width(1)


def test_features_come_the_most_important_first() -> None:
    assert whole(evaluation(RESULT), RESULT)["featureImportance"] == [
        ["j.hot"],
        ["FromUrl.time", "i.id"],
    ]


def test_a_list_has_totals_and_nothing_by_stretches() -> None:
    contenders = (Contender(name="Hyper1", arguments="--cb", source=Source.FOUND),)
    done = evaluation(RESULT, contenders=contenders, optimal_policy="Hyper1", origin=Origin.AUTO)
    answer = listed(done)
    detailed = Results.of(whole(done, RESULT))
    assert [one.model_copy(update={"summary": []}) for one in detailed] == Results.of(answer)
    assert answer["featureImportance"] == []
    assert (answer["optimalPolicy"], answer["evaluationType"]) == ("Hyper1", "Auto")


def test_slots_of_a_page_count_as_events() -> None:
    # GIVEN a page with two slots, of which one has earned all
    policy = judged("online", Source.ONLINE, top=[(1, 1, 1.0), (6, 1, 1.0)], side=[(1, 1, 0.0)])
    [found] = Results.of(whole(evaluation(), Result(policies=(policy,))))
    # THEN the reward is that of a slot in the mean
    assert [one.ips_estimator_denominator for one in found.summary] == [2, 1]
    assert [one.average_reward for one in found.summary] == [0.5, 1.0]
    assert found.total_summary.average_reward == pytest.approx(2 / 3)


def test_an_empty_result_is_no_stretch() -> None:
    nobody = JudgedPolicy(name="odd", arguments="--cb", source=Source.CUSTOM, slots=())
    [found] = Results.of(whole(evaluation(), Result(policies=(nobody,))))
    assert found.summary == []
    assert found.total_summary.ips_estimator_denominator == 0
    assert whole(evaluation(), Result(policies=()))["policyResults"] == []


def test_a_long_time_is_told_in_longer_stretches() -> None:
    # GIVEN an event a day, for three years, and twenty policies
    policies = tuple(long(f"p{number}", 3 * 365, every=288) for number in range(20))
    # WHEN it is told without gaps
    found = Results.of(whole(evaluation(), Result(policies=policies)))
    # THEN it is not told in 5 minutes each, and nothing is lost
    count = sum(len(policy.summary) for policy in found)
    assert answers_v1.MOST_SUMMARIES / 2 < count <= answers_v1.MOST_SUMMARIES
    assert {one.aggregate_time_window for one in found[0].summary} == {"PT5H20M"}
    assert sum(one.ips_estimator_denominator for one in found[0].summary) == 3 * 365


def test_what_is_kept_coarser_is_told_coarser() -> None:
    slot = ONLINE.slots[0].model_copy(update={"width": 2 * ONLINE.slots[0].width})
    coarse = ONLINE.model_copy(update={"slots": (slot,)})
    [found] = Results.of(whole(evaluation(), Result(policies=(coarse,))))
    assert {one.aggregate_time_window for one in found.summary} == {"PT10M"}


def test_the_rarest_of_choices_still_give_numbers() -> None:
    # GIVEN weights and rewards as far out as they may be
    choices = [(1.0, 1e38, 1e6), (2.0, 1e38, -1e6), (3.0, 0.0, 1.0)]
    extreme = judged("odd", Source.CUSTOM, only=choices)
    # THEN no member is null, which is what is written for no number
    [found] = Results.of(whole(evaluation(), Result(policies=(extreme,))))
    assert found.total_summary.sum_of_squares == pytest.approx(2e88)
    assert found.total_summary.average_reward == 0.0
