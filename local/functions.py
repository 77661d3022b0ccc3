"""The functions of an app, taken out of its ``FunctionApp`` as the Python worker does."""

from __future__ import annotations

import asyncio
import inspect
import re
import threading
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import azure.functions as func
from azure.functions._abc import RetryContext, TraceContext
from azure.functions.decorators.http import HttpTrigger
from azure.functions.decorators.timer import TimerTrigger
from azure.functions.timer import TimerRequest

from local.failures import CannotRun
from local.routing import Route, Template, TemplateError
from local.timers import Schedule, ScheduleError, Timer

_SETTING = re.compile(r"%([^%]+)%")

# Called with what its trigger gives; what the function returns comes back as it is.
Call = Callable[[object], Awaitable[object]]
_Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Functions:
    """What of an app is served here: its HTTP and its timer triggers."""

    routes: Sequence[Route[Call]]
    timers: Sequence[Timer]


class InvocationContext(func.Context):
    """What a function gets that asks for ``context``; tracing and retries need the real host."""

    def __init__(self, function_name: str) -> None:
        self._invocation_id = str(uuid.uuid4())
        self._function_name = function_name

    @property
    def invocation_id(self) -> str:
        """A new one each time a function is called."""
        return self._invocation_id

    @property
    def function_name(self) -> str:
        """The name that the function is registered under."""
        return self._function_name

    @property
    def function_directory(self) -> str:
        """Where the app is."""
        return str(Path.cwd())

    @property
    def thread_local_storage(self) -> type[threading.local]:
        """Not available here."""
        raise NotImplementedError

    @property
    def trace_context(self) -> TraceContext:
        """Not available here."""
        raise NotImplementedError

    @property
    def retry_context(self) -> RetryContext:
        """Not available here."""
        raise NotImplementedError


def read_functions(
    app: func.FunctionApp, route_prefix: str, settings: Mapping[str, str]
) -> Functions:
    """Take the functions out of ``app``.

    Args:
        route_prefix: What ``host.json`` puts before every route; may be empty.
        settings: What ``%NAME%`` in a schedule stands for.

    Raises:
        CannotRun: A function has a trigger, a route or a schedule that can't be served.
    """
    routes: list[Route[Call]] = []
    timers: list[Timer] = []
    for function in app.get_functions():
        name = str(function.get_function_name())
        trigger = function.get_trigger()
        code = function.get_user_function()
        try:
            if isinstance(trigger, HttpTrigger):
                routes.append(_route(name, trigger, code, route_prefix))
            elif isinstance(trigger, TimerTrigger):
                timers.append(_timer(name, trigger, code, settings))
            else:
                raise CannotRun(f"Function {name}: only HTTP and timer triggers are served locally")
        except (TemplateError, ScheduleError) as error:
            raise CannotRun(f"Function {name}: {error}") from error
    return Functions(routes, timers)


def _route(
    name: str, trigger: HttpTrigger, code: Callable[..., object], prefix: str
) -> Route[Call]:
    route = trigger.route or ""
    template = Template.parse(f"{prefix}/{route}" if prefix else route)
    methods = frozenset(str(method).upper() for method in trigger.methods or ())
    return Route(
        name, template, methods or None, _call(name, code, trigger.name, asyncio.to_thread)
    )


def _timer(
    name: str, trigger: TimerTrigger, code: Callable[..., object], settings: Mapping[str, str]
) -> Timer:
    def value(match: re.Match[str]) -> str:
        if match[1] not in settings:
            raise CannotRun(f"Function {name}: its schedule needs the setting {match[1]}")
        return settings[match[1]]

    call = _call(name, code, trigger.name, _in_thread_of_its_own)

    async def run() -> None:
        await call(TimerRequest(past_due=False))

    return Timer(name, Schedule(_SETTING.sub(value, trigger.schedule)), run)


def _call(
    name: str,
    code: Callable[..., object],
    argument: str,
    in_thread: Callable[[_Work], Awaitable[object]],
) -> Call:
    """Coroutine functions stay on the event loop, the others go to a thread."""
    wants_context = "context" in inspect.signature(code).parameters

    def arguments(value: object) -> dict[str, object]:
        if wants_context:
            return {argument: value, "context": InvocationContext(name)}
        return {argument: value}

    if inspect.iscoroutinefunction(code):
        coroutine_function = code

        async def call(value: object) -> object:
            result: object = await coroutine_function(**arguments(value))
            return result

    else:

        async def call(value: object) -> object:
            return await in_thread(lambda: code(**arguments(value)))

    return call


async def _in_thread_of_its_own(work: _Work) -> object:
    """Unlike a pool's thread, one that hangs doesn't hold up the end of the process."""
    result: Future[object] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except Exception as error:  # it belongs to whoever awaits
            result.set_exception(error)

    threading.Thread(target=run, name="timer", daemon=True).start()
    return await asyncio.wrap_future(result)
