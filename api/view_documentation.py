"""What the API's document says of the views of the web page."""

from __future__ import annotations

from collections.abc import Mapping

from api.description import Content, Description, Query, query
from api.schema_parts import whole
from api.views import EVALUATIONS
from evaluation.answers_views import MOST_POINTS as EVALUATION_POINTS
from evaluation.jobs import Origin
from loop.errors import BadRequest, EvaluationNotFound
from loop.windows import MOST_POINTS, RANGES

WATCH = "Watch"

_RANGE = query(
    "range",
    "How long a stretch is shown, up to now; without it the shortest one that holds all there is.",
    enum=list(RANGES),
)
_SERIES = (
    f"Series have up to {MOST_POINTS} points, evenly wide, each with what happened in it. No log is"
    " read for them."
)

VIEW_DESCRIPTIONS: Mapping[str, Description] = {
    "view_overview": Description(
        WATCH,
        answer=Content("OverviewView"),
        query=(_RANGE,),
        errors=(BadRequest,),
        notes=f"{_SERIES} Rewards are estimated as evaluations do, slot by slot.",
    ),
    "view_monitor": Description(
        WATCH, answer=Content("MonitorView"), query=(_RANGE,), errors=(BadRequest,), notes=_SERIES
    ),
    "view_model": Description(WATCH, answer=Content("ModelView")),
    "view_evaluations": Description(
        WATCH,
        answer=Content("EvaluationsView"),
        query=(
            query("type", "Only those of this type.", enum=[origin.value for origin in Origin]),
            Query("skip", whole("How many to leave out, of the newest.", minimum=0, default=0)),
        ),
        errors=(BadRequest,),
        notes=f"Up to {EVALUATIONS} evaluations, the newest first.",
    ),
    "view_evaluation": Description(
        WATCH,
        answer=Content("EvaluationView"),
        query=(query("slot", "The id of a slot; without it, policies are judged over all slots."),),
        errors=(BadRequest, EvaluationNotFound),
        notes="As `GET evaluations/{evaluationId}` tells it, in short: time series have up to"
        f" {EVALUATION_POINTS} points, and only some policies have any.",
    ),
}
