"""A service that does nothing but write one table row a call: what any service has to pay.

``python -m benchmarks.bare_service`` serves ``POST /bare`` through the same host, to the same
storage and by the same table client as the real one; the storage is that of the settings.
"""

from __future__ import annotations

import os
import socket

import aiohttp
import azure.functions as func
import orjson
import uvicorn

from local.functions import read_functions
from local.host import Host
from storage.options import AccountKey, Timeouts, storage_options
from storage.table_access import SharedKeyLite
from storage.table_service import TableService

TABLE = "bare"

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
_sessions: list[TableService] = []
_calls = iter(range(1_000_000_000))


@app.route("bare", methods=["POST"])
async def bare(req: func.HttpRequest) -> func.HttpResponse:
    """Insert the body as one row."""
    row = {"PartitionKey": f"{os.getpid()}", "RowKey": f"{next(_calls)}"}
    row |= {"p0": req.get_body().decode()}
    await _tables().insert(TABLE, orjson.dumps(row))
    return func.HttpResponse(status_code=204)


def _tables() -> TableService:
    if not _sessions:
        options = storage_options(os.environ)
        assert isinstance(options.credential, AccountKey)
        session = aiohttp.ClientSession(auto_decompress=False)
        access = SharedKeyLite(options.credential)
        _sessions.append(TableService(session, options.table_endpoint, access, Timeouts()))
    return _sessions[0]


def main() -> None:
    """Serve until a signal; the port is the first line of the output."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(f"endpoint http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    host = Host(read_functions(app, "", os.environ))
    uvicorn.Server(uvicorn.Config(host, log_config=None, access_log=False)).run([listener])


if __name__ == "__main__":
    main()
