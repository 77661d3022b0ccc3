"""Azure's worker in a process of its own, called by lines of JSON over its standard streams.

In Azure the worker is a thin gRPC client around the package ``azure_functions_runtime``, which
imports the app, reads its functions, and turns messages into calls and back. That package is what
runs here; lines of JSON stand in for gRPC, ``Message`` for the classes of its protocol.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent


_GROUPS = {"rpc_data": ("data",), "data": ("http", "json", "bytes")}


class Message(SimpleNamespace):
    """A message of the protocol; what its field is not set to, it does not have."""

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802  (protobuf's own name)
        """The member of ``group`` that is set."""
        return next((name for name in _GROUPS[group] if name in vars(self)), None)


class StatusResult(Message):
    """How something went."""

    Failure = 0
    Success = 1


class BindingInfo(Message):
    """One end of a function."""

    out = 1
    inout = 2
    undefined = 0


_PLAIN = (
    "FunctionLoadResponse",
    "FunctionMetadataResponse",
    "InvocationResponse",
    "RpcException",
    "RpcFunctionMetadata",
    "RpcHttp",
    "TypedData",
    "WorkerInitResponse",
    "WorkerMetadata",
)
PROTOCOL = SimpleNamespace(
    StatusResult=StatusResult, BindingInfo=BindingInfo, **dict.fromkeys(_PLAIN, Message)
)


class _Log(logging.Handler):
    """Hands on each line's text, which is all that the worker's own handler does."""

    def emit(self, record: logging.LogRecord) -> None:
        _say(log={"category": record.name, "text": self.format(record)})


async def _serve() -> None:
    # Only there from Python 3.13 on, while this file is read on all of them.
    import azure_functions_runtime as runtime

    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(_Log())
    runtime.start_threadpool_executor()
    start = Message(capabilities={}, function_app_directory=str(ROOT))
    started = await runtime.worker_init_request(
        SimpleNamespace(
            request=Message(worker_init_request=start),
            properties={"protos": PROTOCOL, "host": "127.0.0.1"},
        )
    )
    if failure := _failure(started.result):
        _say(failure=failure)
        return
    found = await runtime.functions_metadata_request(None)
    ids = {}
    for function in found.function_metadata_results:
        load = Message(function_load_request=Message(function_id=function.function_id))
        loaded = await runtime.function_load_request(SimpleNamespace(request=load))
        assert loaded.result.status == StatusResult.Success
        ids[function.name] = function.function_id
    _say(functions={f.name: list(f.raw_bindings) for f in found.function_metadata_results})
    calls = set()
    while line := await asyncio.to_thread(sys.stdin.readline):
        call = asyncio.create_task(_call(runtime, ids, line))
        calls.add(call)
        call.add_done_callback(calls.discard)


async def _call(runtime: ModuleType, ids: dict[str, str], line: str) -> None:
    call = json.loads(line)
    if "http" in call:
        http = call["http"]
        # An empty body is a message in which nothing is set.
        body = Message(bytes=base64.b64decode(http["body"])) if http["body"] else Message()
        argument, data = "req", Message(http=Message(**{**http, "body": body}))
    else:
        argument, data = "timer", Message(json=call["timer"])
    invocation = Message(
        invocation_id=call["id"],
        function_id=ids[call["function"]],
        input_data=[Message(name=argument, data=data)],
        trigger_metadata={},
        trace_context=Message(trace_parent="", trace_state="", attributes={}),
        retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
    )
    request = SimpleNamespace(request=Message(invocation_request=invocation))
    response = await runtime.invocation_request(request)
    if failure := _failure(response.result):
        _say(id=call["id"], failure=failure)
    elif response.return_value is None:
        _say(id=call["id"])
    else:
        http = response.return_value.http
        _say(
            id=call["id"],
            http={
                "status": int(http.status_code),
                "headers": {_text(name): _text(value) for name, value in http.headers.items()},
                "body": base64.b64encode(http.body.bytes).decode(),
            },
        )


def _failure(result: StatusResult) -> str | None:
    return None if result.status == StatusResult.Success else result.exception.stack_trace


def _text(value: object) -> str:
    # As picky as protobuf: it takes no numbers for text, and nothing that UTF-8 can't hold.
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value.encode().decode()


def _say(**parts: object) -> None:
    # One write a line: the trainer's thread logs as well.
    sys.stdout.write(json.dumps(parts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve())
