"""The app that Azure Functions and ``local/`` serve: every operation, and two timers."""

from __future__ import annotations

import asyncio
import os

import azure.functions as func

from api.evaluating import evaluate_every_loop
from api.log_lines import log_to_platform
from api.options import read_options
from api.registration import register
from api.service import Service
from api.training import train_every_loop
from storage.options import storage_options

log_to_platform()
options = read_options(os.environ)
storage = storage_options(os.environ, options.event_log_shards)
service = Service(options, storage)

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
register(app, service)


# The schedule is put in here, since the host can't resolve "%TRAINER_SCHEDULE%" where it is unset.
@app.timer_trigger("timer", options.trainer_schedule, run_on_startup=False, use_monitor=False)
def trainer(timer: func.TimerRequest) -> None:
    """Learn, in a thread and an event loop of its own, so that no request waits for it."""
    asyncio.run(train_every_loop(options, storage))


@app.timer_trigger("timer", options.evaluator_schedule, run_on_startup=False, use_monitor=False)
def evaluator(timer: func.TimerRequest) -> None:
    """Judge policies and features, where that is asked for; in children, so that no rank waits."""
    asyncio.run(evaluate_every_loop(options, storage))
