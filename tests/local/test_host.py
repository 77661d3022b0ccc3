"""Tiny apps, served as the Functions host would serve them."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import azure.functions as func
import httpx
import pytest

from local.failures import CannotRun
from local.functions import read_functions
from local.host import Host, Message


def _app() -> func.FunctionApp:
    return func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@asynccontextmanager
async def _client(
    app: func.FunctionApp, *, prefix: str = "", body_limit: int = 1000
) -> AsyncIterator[httpx.AsyncClient]:
    host = Host(read_functions(app, prefix, {}), body_limit=body_limit)
    transport = httpx.ASGITransport(host)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_coroutine_function_answers_on_the_event_loop() -> None:
    app = _app()

    @app.route("events/{eventId}/reward", methods=["POST"])
    async def reward(req: func.HttpRequest) -> func.HttpResponse:
        here = threading.current_thread() is threading.main_thread()
        text = f"{req.route_params['eventId']} {req.get_body().decode()} {here}"
        return func.HttpResponse(text, status_code=201)

    async with _client(app) as client:
        answer = await client.post("/Events/A%20b/reward", content="1.0")
    assert (answer.status_code, answer.text) == (201, "A b 1.0 True")


async def test_a_plain_function_answers_from_a_thread_and_may_return_text() -> None:
    app = _app()

    @app.route("where")
    def where(req: func.HttpRequest) -> str:
        return str(threading.current_thread() is threading.main_thread())

    async with _client(app) as client:
        answer = await client.get("/where")
    assert (answer.status_code, answer.text) == (200, "False")


async def test_the_route_prefix_stands_before_every_route() -> None:
    app = _app()

    @app.route("ping")
    async def ping(req: func.HttpRequest) -> str:
        return "pong"

    async with _client(app, prefix="api") as client:
        assert (await client.get("/api/ping")).text == "pong"
        assert (await client.get("/ping")).status_code == 404


async def test_the_first_function_by_name_answers_and_a_wrong_method_goes_on() -> None:
    app = _app()

    @app.function_name("zz_rest")
    @app.route("{*path}")
    async def rest(req: func.HttpRequest) -> str:
        return f"rest {req.method} {req.route_params.get('path')}"

    @app.function_name("model")
    @app.route("model", methods=["GET"])
    async def model(req: func.HttpRequest) -> str:
        return "model"

    async with _client(app) as client:
        assert (await client.get("/MODEL")).text == "model"
        assert (await client.put("/model")).text == "rest PUT model"
        assert (await client.get("/a//b")).text == "rest GET a//b"
        assert (await client.options("/")).text == "rest OPTIONS None"


async def test_nothing_that_answers_is_a_bare_404() -> None:
    app = _app()

    @app.route("model", methods=["GET"])
    async def model(req: func.HttpRequest) -> str:
        return "model"

    async with _client(app) as client:
        for answer in (await client.get("/other"), await client.post("/model")):
            assert (answer.status_code, answer.content) == (404, b"")


async def test_what_escapes_from_a_function_is_logged_and_a_bare_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = _app()

    @app.route("crash")
    async def crash(req: func.HttpRequest) -> str:
        raise ValueError("a secret")

    @app.route("nothing")
    async def nothing(req: func.HttpRequest) -> None:
        return None

    async with _client(app) as client:
        for path in ("/crash", "/nothing"):
            answer = await client.get(path)
            assert (answer.status_code, answer.content) == (500, b"")
    assert [r.message for r in caplog.records if r.levelno == logging.ERROR] == [
        "function_failed",
        "function_failed",
    ]


async def test_a_body_up_to_the_limit_is_taken_also_in_chunks() -> None:
    app = _app()

    @app.route("size", methods=["POST"])
    async def size(req: func.HttpRequest) -> str:
        return str(len(req.get_body()))

    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 10

    async with _client(app, body_limit=100) as client:
        assert (await client.post("/size", content=b"x" * 100)).text == "100"
        assert (await client.post("/size", content=chunks(10))).text == "100"
        assert (await client.post("/size", content=chunks(11))).status_code == 413


async def test_a_caller_that_leaves_early_reaches_no_function() -> None:
    app, called = _app(), list[bytes]()

    @app.route("{*path}")
    async def rest(req: func.HttpRequest) -> str:
        called.append(req.get_body())
        return ""

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        pass

    scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/"}
    await Host(read_functions(app, "", {}))(scope, receive, send)
    assert called == []


async def test_a_malformed_path_is_a_bare_400() -> None:
    app = _app()

    @app.route("{*path}")
    async def rest(req: func.HttpRequest) -> str:
        return "reached"

    async with _client(app) as client:
        assert (await client.get("/a%00b")).status_code == 400


async def test_a_function_that_asks_for_context_gets_one() -> None:
    app = _app()

    @app.function_name("asking")
    @app.route("asking")
    async def ask(req: func.HttpRequest, context: func.Context) -> str:
        return f"{context.function_name} {len(context.invocation_id)}"

    async with _client(app) as client:
        assert (await client.get("/asking")).text == "asking 36"


async def test_timers_live_as_long_as_the_host_and_what_was_opened_is_closed_last() -> None:
    app, said = _app(), list[str]()

    async def closing() -> None:
        said.append("closed")

    messages: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        said.append(message["type"])

    @app.timer_trigger("timer", "0 0 0 1 1 *")
    def yearly(timer: func.TimerRequest) -> None:
        said.append("run")

    @app.route("ping")
    async def ping(req: func.HttpRequest) -> str:
        return "pong"

    await Host(read_functions(app, "", {}), closing=closing)({"type": "lifespan"}, receive, send)
    assert said == ["lifespan.startup.complete", "closed", "lifespan.shutdown.complete"]


async def test_a_plain_timer_function_runs_in_a_thread_with_its_setting_as_schedule() -> None:
    app, threads = _app(), list[threading.Thread]()

    @app.timer_trigger("timer", "%SCHEDULE%")
    def trainer(timer: func.TimerRequest) -> None:
        assert not timer.past_due
        threads.append(threading.current_thread())

    @app.route("ping")
    async def ping(req: func.HttpRequest) -> str:
        return "pong"

    (timer,) = read_functions(app, "", {"SCHEDULE": "*/5 * * * * *"}).timers
    await timer.run()
    assert threads != [threading.main_thread()]
    assert len(threads) == 1


async def test_what_a_timer_function_raises_comes_back_from_its_thread() -> None:
    app = _app()

    @app.timer_trigger("timer", "*/5 * * * * *")
    def trainer(timer: func.TimerRequest) -> None:
        raise RuntimeError("no storage")

    @app.route("ping")
    async def ping(req: func.HttpRequest) -> str:
        return "pong"

    (timer,) = read_functions(app, "", {}).timers
    with pytest.raises(RuntimeError, match="no storage"):
        await timer.run()


@pytest.mark.parametrize("schedule", ["%MISSING%", "every minute"])
def test_a_schedule_that_cannot_be_used_names_its_function(schedule: str) -> None:
    app = _app()

    @app.timer_trigger("timer", schedule)
    def trainer(timer: func.TimerRequest) -> None:
        pass

    @app.route("ping")
    async def ping(req: func.HttpRequest) -> str:
        return "pong"

    with pytest.raises(CannotRun, match="Function trainer: "):
        read_functions(app, "", {})


def test_a_route_or_trigger_that_cannot_be_served_names_its_function() -> None:
    bad_route, bad_trigger = _app(), _app()

    @bad_route.route("a{b}c")
    async def strange(req: func.HttpRequest) -> str:
        return ""

    @bad_trigger.queue_trigger("message", "queue", "AzureWebJobsStorage")
    def queued(message: func.QueueMessage) -> None:
        pass

    @bad_trigger.route("ping")
    async def ping(req: func.HttpRequest) -> str:
        return "pong"

    with pytest.raises(CannotRun, match="Function strange: "):
        read_functions(bad_route, "", {})
    with pytest.raises(CannotRun, match="Function queued: "):
        read_functions(bad_trigger, "", {})
