from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
import pytest

from evaluation import answers_2022, answers_views
from evaluation.jobs import Evaluation, Result, Source, Status
from loop.errors import BadRequest
from loop.events import LoopKind
from loop.features import JsonObject, JsonValue
from tests.evaluation.results import Choice, evaluation, judged, long

ARGUMENTS = "--cb_explore_adf --cb_type mtr"
EVEN: list[Choice] = [(minute, 1.0, minute % 2) for minute in range(100)]
LOSING: list[Choice] = [(minute, 1.0, minute % 4 == 0) for minute in range(100)]
WINNING: list[Choice] = [(minute, 2.0, 1.0) for minute in range(100)]
RESULT = Result(
    policies=(
        judged("online", Source.ONLINE, only=EVEN),
        judged("mine", Source.CUSTOM, ARGUMENTS, only=LOSING),
        judged("Hyper1", Source.FOUND, ARGUMENTS, only=WINNING).model_copy(
            update={"comparisons": 20}
        ),
    )
)
PAGES = Result(
    policies=(
        judged("online", Source.ONLINE, top=EVEN, side=LOSING),
        judged("Hyper1", Source.FOUND, ARGUMENTS, top=WINNING, side=EVEN),
    )
)


def done(result: Result, **changes: object) -> Evaluation:
    return evaluation(result, optimal_policy="Hyper1", **changes)


def members(value: JsonValue) -> JsonObject:
    assert isinstance(value, dict)
    return value


def entries(value: JsonValue) -> Sequence[JsonObject]:
    assert isinstance(value, list)
    return [members(each) for each in value]


def summaries(evaluation: Evaluation, result: Result) -> Mapping[tuple[str, str], JsonObject]:
    """What the 2022 preview says, by policy and slot."""
    content = members(answers_2022.whole(evaluation, result, answers_2022.Selection())["content"])
    return {
        (str(each["name"]), str(each.get("slotId", ""))): members(each["summary"])
        for each in entries(content["value"])
    }


def test_figures_are_those_of_the_api() -> None:
    # GIVEN what the 2022 preview says
    said = summaries(done(RESULT), RESULT)
    # THEN the view says the same of each policy
    shown = entries(answers_views.whole(done(RESULT), RESULT, None)["policies"])
    for policy in shown:
        same = said[str(policy["name"]), ""]
        assert {member: policy[member] for member in same} == same
    # AND how much that rests on
    assert [(p["name"], p["events"], p["effectiveEvents"], p["comparisons"]) for p in shown] == [
        ("online", 100, 100.0, 1),
        ("mine", 100, 100.0, 1),
        ("Hyper1", 100, 100.0, 20),
    ]
    # AND so does the list, of online and of the best one
    listed = answers_views.listed(done(RESULT))
    for member, name in (("online", "online"), ("best", "Hyper1")):
        estimate = members(listed[member])
        assert (estimate["name"], estimate["expectedReward"]) == (
            name,
            said[name, ""]["expectedReward"],
        )


def test_before_it_is_done_there_is_nothing_to_show() -> None:
    waiting = evaluation(progress=0.3, status=Status.RUNNING)
    shown = answers_views.whole(waiting, None, None)
    assert members(shown["evaluation"])["progress"] == 0.3
    assert (shown["policies"], shown["slots"], shown["overTime"]) == ([], [], None)
    listed = answers_views.listed(waiting)
    assert (listed["online"], listed["best"]) == (None, None)


def test_slots_can_be_looked_at_one_by_one() -> None:
    pages = done(PAGES, kind=LoopKind.MULTI_SLOT)
    said = summaries(pages, PAGES)
    # WHEN one slot is asked for
    shown = answers_views.whole(pages, PAGES, "side")
    # THEN policies are judged there
    assert shown["slot"] == "side"
    for policy in entries(shown["policies"]):
        same = said[str(policy["name"]), "side"]
        assert {member: policy[member] for member in same} == same
    # AND all slots stand beside each other, whichever was asked for
    for slot in (None, "side"):
        slots = entries(answers_views.whole(pages, PAGES, slot)["slots"])
        assert [
            (
                each["id"],
                members(each["online"])["expectedReward"],
                members(each["best"])["expectedReward"],
            )
            for each in slots
        ] == [("top", 0.5, 1.0), ("side", 0.25, 0.5)]
    # AND together without one
    together = entries(answers_views.whole(pages, PAGES, None)["policies"])
    assert together[0]["expectedReward"] == said["online", ""]["expectedReward"] == 0.375
    # BUT there is no other
    with pytest.raises(BadRequest, match="middle") as refused:
        answers_views.whole(pages, PAGES, "middle")
    assert refused.value.target == "slot"


def test_series_tell_what_was_known_at_the_end_of_each_point() -> None:
    # GIVEN 100 minutes in which each second event of online is rewarded, and each of the found one
    shown = members(answers_views.whole(done(RESULT), RESULT, None)["overTime"])
    online, best = entries(shown["series"])
    # THEN the best policy is there beside online, and others are not
    assert (online["name"], best["name"]) == ("online", "Hyper1")
    assert isinstance(online["reward"], list) and isinstance(best["reward"], list)
    assert isinstance(shown["times"], list)
    assert (shown["width"], len(shown["times"])) == (300.0, 20)
    assert (online["reward"][0], online["reward"][-1]) == (0.4, 0.5)
    assert {*best["reward"]} == {1.0}


def test_however_long_it_is_the_answer_is_small() -> None:
    # GIVEN 24 policies over 30 days, with long names and settings
    policies = [long(f"{name}", 9_000) for name in ("online", "baseline1", "baselineRand")]
    policies += [
        long(f"a policy with a name of some length {number}", 9_000).model_copy(
            update={"arguments": "--interactions abc " * 50}
        )
        for number in range(30)
    ]
    result = Result(policies=tuple(policies))
    shown = answers_views.whole(evaluation(result, optimal_policy="online"), result, None)
    assert len(orjson.dumps(shown)) < 100_000
    over_time = members(shown["overTime"])
    assert isinstance(over_time["times"], list)
    assert answers_views.MOST_POINTS / 3 < len(over_time["times"]) <= answers_views.MOST_POINTS + 1


def test_many_slots_are_small_as_well() -> None:
    # GIVEN 200 slots with long ids, and 24 policies
    slots = {f"a-slot-with-an-id-of-some-length-{number}": EVEN[:2] for number in range(200)}
    result = Result(
        policies=(
            judged("online", Source.ONLINE, "", **slots),
            *[judged(f"Hyper{number}", Source.FOUND, ARGUMENTS, **slots) for number in range(23)],
        )
    )
    shown = answers_views.whole(evaluation(result, optimal_policy="Hyper1"), result, None)
    assert len(entries(shown["slots"])) == 200
    assert len(orjson.dumps(shown)) < 150_000


def test_one_that_could_not_be_judged_has_no_estimate() -> None:
    result = Result(
        policies=(judged("online", Source.ONLINE, only=EVEN), judged("bad", Source.CUSTOM))
    )
    bad = entries(answers_views.whole(evaluation(result), result, None)["policies"])[1]
    assert (bad["events"], bad["expectedReward"], bad["confidenceInterval"]) == (0, None, None)
    assert bad["isApplicable"] is False
