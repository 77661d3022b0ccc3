"""``python -m local``: the service and its storage on this machine, until Ctrl-C."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import FrameType

import uvicorn

from api.options import SettingError
from local import settings
from local.azurite import DIRECTORY, ROOT, Azurite
from local.failures import CannotRun
from local.functions import read_functions
from local.host import BODY_LIMIT_BYTES, Host
from local.logs import log_to_terminal
from storage.options import CONNECTION, StorageSettingsError
from telemetry.options import TelemetrySettingsError

_STATE = ROOT / ".local"
_TIMER_PATIENCE_SECONDS = 10.0
_REQUEST_PATIENCE_SECONDS = 5
_RANK = (
    '{"contextFeatures":[{"timeOfDay":"morning"}],"actions":['
    '{"id":"pasta","features":[{"taste":"salty"}]},'
    '{"id":"salad","features":[{"taste":"fresh"}]}]}'
)


class _Server(uvicorn.Server):
    """Says when it is up, and can be ended at once."""

    def __init__(self, host: Host, announce: Callable[[], None]) -> None:
        config = uvicorn.Config(
            host,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_REQUEST_PATIENCE_SECONDS,
        )
        super().__init__(config)
        self._announce = announce
        self.abandoned = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()

    def abandon(self) -> None:
        """End without waiting for anything: what it would wait for is storage, which is gone."""
        self.abandoned = self.should_exit = self.force_exit = True


def main() -> int:
    """Run until a signal. The exit code: 0 after a signal, 1 after a line that says why."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _run()
    except CannotRun as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _run() -> None:
    log_to_terminal()
    settings.complete(os.environ, ROOT, _STATE / "keys.json")
    port = settings.whole_number(os.environ, "PORT", 7071, 65535)
    directory = Path(os.environ.get("AZURITE_DIR") or DIRECTORY)
    with _listener(port) as listener, _storage(directory) as azurite:
        if azurite is not None:
            os.environ[CONNECTION] = azurite.connection_string
        _serve(listener, azurite)


def _serve(listener: socket.socket, azurite: Azurite | None) -> None:
    try:
        # It reads its settings while it is imported: not before they are complete.
        import function_app
    except (SettingError, StorageSettingsError, TelemetrySettingsError) as error:
        raise CannotRun(str(error)) from error
    body_limit = settings.whole_number(
        os.environ, "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", BODY_LIMIT_BYTES, BODY_LIMIT_BYTES
    )
    host = Host(
        read_functions(function_app.app, settings.route_prefix(ROOT), os.environ),
        body_limit=body_limit,
        patience=_TIMER_PATIENCE_SECONDS,
        closing=function_app.service.close,
    )
    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    greeting = _greeting(endpoint, function_app.options.default_keys)
    server = _Server(host, lambda: print(greeting, flush=True))
    if azurite is not None:
        azurite.watch(server.abandon)
    server.run(sockets=[listener])
    if azurite is not None and server.abandoned:
        raise azurite.death()


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _listener(port: int) -> socket.socket:
    # Told its protocol, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise CannotRun(
            f"Port {port} can't be used: {error.strerror}. Choose another one with PORT=…"
        ) from error
    return listener


def _storage(directory: Path) -> AbstractContextManager[Azurite | None]:
    """Azurite, unless the settings name a storage account."""
    connection = os.environ.get(CONNECTION, "")
    by_identity = any(name.startswith(f"{CONNECTION}__") for name in os.environ)
    if by_identity or connection not in ("", "UseDevelopmentStorage=true"):
        return nullcontext()
    return Azurite(directory)


def _greeting(endpoint: str, keys: Sequence[str]) -> str:
    lines = ["", "Open Personalizer is running. Ctrl-C stops it.", "", f"  endpoint  {endpoint}"]
    lines += [f"  key {n}  {key}" for n, key in enumerate(keys, start=1)]
    if keys:
        header = shlex.quote(f"Ocp-Apim-Subscription-Key: {keys[0]}")
        lines += [
            "",
            f"  curl {endpoint}/personalizer/v1.0/rank -H {header} "
            f"-H 'Content-Type: application/json' -d '{_RANK}'",
        ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
