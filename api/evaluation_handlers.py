"""What operations of evaluations do with a call, and how each generation has their answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence

import orjson

from api.calls import Call, Generation, Reply
from api.links import beneath
from api.paging import page_members, paged, parameter, whole_number
from evaluation import answers_2022, answers_v1, management
from evaluation.answers_2022 import INTERVALS, Selection, Window, status_of
from evaluation.jobs import Evaluation, Result
from loop.errors import BadRequest, InvalidStartDateEndDate
from loop.events import Micros
from loop.features import JsonObject
from loop.iso import micros_of, parse_query_instant

_TERM = re.compile(r"\s*(\w+)\s+(eq|ne)\s+'((?:[^']|'')*)'\s*")
_FILTER = (
    "filter should compare evaluationType, status, name or id with a text, such as"
    " \"evaluationType eq 'Manual'\"; comparisons may be joined by 'and'."
)
_MOST_TERMS = 10


async def create_evaluation(call: Call) -> Reply:
    """Ask for an evaluation."""
    made = await management.create_evaluation(call.loop.storage, call.body, call.arrived)
    return Reply(_answer(call, made, None), location=beneath(call, made.id))


async def put_evaluation(call: Call) -> Reply:
    """Ask for an evaluation under an id of one's own."""
    made = await management.create_evaluation(
        call.loop.storage, call.body, call.arrived, call.parameters["evaluationId"]
    )
    return Reply(_answer(call, made, None))


async def get_evaluation(call: Call) -> Reply:
    """Read how far an evaluation is, and what it has found."""
    asked = _selection(call) if call.generation is Generation.V2022 else Selection()
    storage = call.loop.storage
    evaluation = await management.get_evaluation(storage, call.parameters["evaluationId"])
    result = await management.read_result(storage, evaluation)
    # A long one takes a while to be read and to be summed up.
    return Reply(await asyncio.to_thread(_answer, call, evaluation, result, asked))


async def list_evaluations(call: Call) -> Reply:
    """List evaluations, without what they have found in detail."""
    storage = call.loop.storage
    if call.generation is not Generation.V2022:
        found = await management.list_evaluations(storage)
        return Reply(orjson.dumps([answers_v1.listed(evaluation) for evaluation in found]))
    fits = _filter(parameter(call, "filter"))
    wanted = [one for one in await management.list_evaluations(storage) if fits(one)]
    page, next_link = paged(call, wanted)
    items = [answers_2022.listed(evaluation) for evaluation in page]
    return Reply(orjson.dumps(page_members([*items], next_link)))


async def delete_evaluation(call: Call) -> Reply:
    """Delete an evaluation, or call it off."""
    await management.delete_evaluation(call.loop.storage, call.parameters["evaluationId"])
    return Reply()


def _answer(
    call: Call, evaluation: Evaluation, found: bytes | None, asked: Selection | None = None
) -> bytes:
    result = None if found is None else Result.model_validate_json(found)
    answer: JsonObject
    if call.generation is Generation.V2022:
        answer = answers_2022.whole(evaluation, result, asked or Selection())
    else:
        answer = answers_v1.whole(evaluation, result)
    return orjson.dumps(answer)


def _selection(call: Call) -> Selection:
    """Which time series a call asks for.

    Raises:
        BadRequest: There is no such interval or window, or they don't go together.
        InvalidStartDateEndDate: A time is none, or the end does not come after the start.
    """
    default = Selection()
    minutes = whole_number(call, "intervalInMinutes", default.minutes, 1)
    if minutes not in INTERVALS:
        raise BadRequest(
            f"intervalInMinutes should be one of {', '.join(map(str, INTERVALS))}.",
            "intervalInMinutes",
        )
    window = _window(parameter(call, "window"))
    if (window is Window.EXPANDING) is not (minutes == INTERVALS[0]):
        raise BadRequest(
            f"window {Window.EXPANDING.value} goes with intervalInMinutes {INTERVALS[0]}, and"
            f" {Window.ROLLING.value} with the longer ones.",
            "window",
        )
    start = _instant(call, "startTime", default.start)
    end = _instant(call, "endTime", default.end)
    if start >= end:
        raise InvalidStartDateEndDate("startTime should be before endTime.", "startTime")
    return Selection(minutes, window, start, end)


def _window(text: str | None) -> Window:
    for window in Window:
        if text is None or text.lower() == window.value.lower():
            return window
    raise BadRequest("window should be Expanding or Rolling.", "window")


def _instant(call: Call, name: str, default: Micros) -> Micros:
    text = parameter(call, name)
    if text is None:
        return default
    try:
        return micros_of(parse_query_instant(text))
    except ValueError:
        raise InvalidStartDateEndDate(
            f"{name} should be a date and time such as '2026-01-19T00:00:00Z'.", name
        ) from None


def _filter(text: str | None) -> Callable[[Evaluation], bool]:
    """What of evaluations fits a filter; without one, all of them.

    Raises:
        BadRequest: It is no filter.
    """
    terms = _terms(text.removeprefix("metadata=")) if text is not None else []

    def fits(evaluation: Evaluation) -> bool:
        members = {
            "evaluationType": evaluation.origin.value,
            "status": status_of(evaluation),
            "name": evaluation.name,
            "id": evaluation.id,
        }
        return all((members[name] == value) is equal for name, equal, value in terms)

    return fits


def _terms(text: str) -> Sequence[tuple[str, bool, str]]:
    terms = []
    place = 0
    for _ in range(_MOST_TERMS):
        term = _TERM.match(text, place)
        if term is None or term[1] not in ("evaluationType", "status", "name", "id"):
            break
        terms.append((term[1], term[2] == "eq", term[3].replace("''", "'")))
        place = term.end()
        if place == len(text):
            return terms
        if not text.startswith("and ", place):
            break
        place += len("and ")
    raise BadRequest(_FILTER, "filter")
