"""Log lines on their way to the platform."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from telemetry.log_lines import EventFormatter, SubjectFilter, log_to_platform
from telemetry.subject import about_loop, about_request, leave_request

SECRET = "likes " + "coffee"


class Forwarding(logging.Handler):
    """Keeps what it is given to say, as the worker's handler passes it on."""

    def __init__(self, form: logging.Formatter | None = None) -> None:
        super().__init__()
        self.setFormatter(form)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def plain() -> Iterator[Forwarding]:
    """A handler at the root that has no format, for as long as the test takes."""
    yield from attached(Forwarding())


@pytest.fixture
def formatted() -> Iterator[Forwarding]:
    """One that has a format."""
    yield from attached(Forwarding(logging.Formatter("says: %(message)s")))


def attached(handler: Forwarding) -> Iterator[Forwarding]:
    """Put it at the root and take it away again."""
    root = logging.getLogger()
    sdk = logging.getLogger("azure")
    level = sdk.level
    root.addHandler(handler)
    others = {each: list(each.filters) for each in root.handlers}
    log_to_platform()
    yield handler
    for each, filters in others.items():
        each.filters[:] = filters
    root.removeHandler(handler)
    sdk.setLevel(level)


def test_a_line_has_the_fields_of_its_event(plain: Forwarding) -> None:
    logging.getLogger("rank").warning("decisions_dropped", extra={"count": 3})
    assert plain.lines == ["decisions_dropped loop=- request_id=- count=3"]


def test_a_line_names_the_loop_and_the_request_that_it_is_about(plain: Forwarding) -> None:
    logger = logging.getLogger("rank")
    with about_request("r1"):
        logger.warning("before_the_key")
        with about_loop("shop"):
            logger.warning("inside")
            # A line that says itself what it is about is taken at its word.
            logger.warning("told", extra={"loop": "other"})
        with about_request("r2"):
            logger.warning("another_one")
        logger.warning("after")
    logger.warning("later")
    assert plain.lines == [
        "before_the_key loop=- request_id=r1",
        "inside loop=shop request_id=r1",
        "told loop=other request_id=r1",
        "another_one loop=- request_id=r2",
        "after loop=- request_id=r1",
        "later loop=- request_id=-",
    ]


async def test_work_that_outlives_a_request_keeps_its_loop_alone(plain: Forwarding) -> None:
    async def background() -> None:
        leave_request()
        logging.getLogger("rank").warning("in_background")

    with about_request("r1"), about_loop("shop"):
        task = asyncio.create_task(background())
        await task
        logging.getLogger("rank").warning("in_request")
    assert plain.lines == [
        "in_background loop=shop request_id=-",
        "in_request loop=shop request_id=r1",
    ]


def test_a_thread_of_a_timer_has_a_subject_of_its_own(plain: Forwarding) -> None:
    async def tick() -> None:
        async def run(loop: str) -> None:
            with about_loop(loop):
                await asyncio.sleep(0)
                logging.getLogger("trainer").warning("trained")

        with about_request("t1"):
            await asyncio.gather(run("a"), run("b"))

    with about_request("r1"), about_loop("shop"):
        # WHEN a thread is started by somebody who is at work on something else
        asyncio.run(tick())
    # THEN its lines say what they are about
    assert plain.lines == [
        "trained loop=a request_id=t1",
        "trained loop=b request_id=t1",
    ]


def test_the_text_of_an_error_is_in_no_line(plain: Forwarding) -> None:
    # GIVEN an error that quotes a feature, and others raised over it
    def caused() -> None:
        try:
            raise KeyError(SECRET)
        except KeyError:
            try:
                raise ValueError(f"{SECRET} is no number")
            except ValueError as error:
                raise RuntimeError(f"was {SECRET}") from error

    try:
        caused()
    except RuntimeError:
        # WHEN it is logged
        logging.getLogger("rank").exception("request_crashed")
    # THEN the line leads to the places, and tells the types
    (line,) = plain.lines
    assert SECRET not in line
    assert [each for each in line.splitlines() if each.endswith("Error")] == [
        "KeyError",
        "ValueError",
        "RuntimeError",
    ]
    assert "test_log_lines.py" in line


async def test_nor_in_that_of_a_task_that_nobody_has_asked(plain: Forwarding) -> None:
    async def failing() -> None:
        raise ValueError(SECRET)

    # GIVEN a task whose error nobody takes
    task = asyncio.create_task(failing())
    await asyncio.wait({task})
    # WHEN asyncio tells of it, with the task and its error in the text
    context = {"message": "Task exception was never retrieved", "future": task}
    asyncio.get_running_loop().call_exception_handler({**context, "exception": task.exception()})
    # THEN nothing is left of that but what has happened, and where
    (line,) = plain.lines
    assert line.startswith("Task exception was never retrieved loop=- request_id=-\n")
    assert line.endswith("\nValueError")
    assert SECRET not in line


def test_errors_that_go_round_in_a_circle_are_told_once() -> None:
    first, second = ValueError("a"), KeyError("b")
    first.__cause__, second.__cause__ = second, first
    assert EventFormatter().formatException((ValueError, first, None)) == "KeyError\nValueError"


def test_a_handler_with_a_format_keeps_it(formatted: Forwarding) -> None:
    logging.getLogger("rank").warning("decisions_dropped", extra={"count": 3})
    assert formatted.lines == ["says: decisions_dropped"]


def test_the_sdk_says_only_what_goes_wrong(
    plain: Forwarding, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for name in (
        "azure.core.pipeline.policies.http_logging_policy",
        "azure.monitor.opentelemetry.exporter.export._base",
    ):
        logging.getLogger(name).info("Request URL: …")
        logging.getLogger(name).warning("gave up")
    assert plain.lines == ["gave up loop=- request_id=-"] * 2


def test_a_filter_lets_every_line_pass() -> None:
    record = logging.makeLogRecord({"msg": "%s of %s", "args": (1, 2), "name": "asyncio"})
    assert SubjectFilter().filter(record)
    assert record.getMessage() == "1 of 2"
