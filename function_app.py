"""The app that Azure Functions and ``local/`` serve: every operation, and two timers."""

from __future__ import annotations

import asyncio
import os

import azure.functions as func

from api.evaluating import evaluate_every_loop
from api.options import read_options
from api.registration import register
from api.service import Service
from api.timers import call_timer
from api.training import train_every_loop
from storage.options import storage_options
from telemetry.export import export_metrics
from telemetry.log_lines import log_to_platform
from telemetry.options import export_options

log_to_platform()
options = read_options(os.environ)
storage = storage_options(os.environ, options.event_log_shards)
if exporting := export_options(os.environ):
    export_metrics(exporting)
service = Service(options, storage)

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
register(app, service)


# The schedule is put in here, since the host can't resolve "%TRAINER_SCHEDULE%" where it is unset.
@app.timer_trigger("timer", options.trainer_schedule, run_on_startup=False, use_monitor=False)
def trainer(timer: func.TimerRequest) -> None:
    """Learn, in a thread and an event loop of its own, so that no request waits for it."""
    asyncio.run(call_timer("trainer", train_every_loop(options, storage)))


@app.timer_trigger("timer", options.evaluator_schedule, run_on_startup=False, use_monitor=False)
def evaluator(timer: func.TimerRequest) -> None:
    """Judge policies and features, where that is asked for; in children, so that no rank waits."""
    asyncio.run(call_timer("evaluator", evaluate_every_loop(options, storage)))
