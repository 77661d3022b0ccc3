"""What the pages tell a reader to type is typed, against a service on this machine.

Blocks that call a tool of Azure's can't be; they are held against the files of the project that
they name. Whatever is neither is a failure, so that nothing goes unnoticed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from api.options import KEY_SETTINGS
from loop.register import DEFAULT_LOOP
from tests.docs.markdown import Block, blocks
from tests.docs.rest_client import fill_in, read
from tests.docs.terminal import Ran, Terminal
from tests.service import ROOT, LocalService

README = ROOT / "README.md"
DEPLOY = ROOT / "docs" / "deploy.md"
PATIENCE_SECONDS = 60.0

_AZURE = re.compile(
    r"(?:^|[;&|(]|\bdo\b|\$\()\s*(?:[A-Za-z_]\w*=\S*\s+)*(?:az|azd|func|gh) ", re.MULTILINE
)
_SHOWN_ONLY = frozenset({"mermaid", "kusto"})

# What is typed otherwise here than there: the address, since another service may have that one, and
# what would take minutes.
_INSTEAD = {
    "http://127.0.0.1:7071": "{endpoint}",
    "cli simulate coffee": "cli simulate coffee --endpoint {endpoint}",
    "cli doctor\n": "cli doctor --endpoint {endpoint}\n",
    "--events 10000": "--events 60",
}

_WRITTEN = re.compile(r" -o (\S+)")

# What a block prints, by what it holds: one that is not found here is a failure.
_NOTHING = r"\A\Z"
_KEYS = r"key 1 +\w{32}\nkey 2 +\w{32}\n"
_PRINTS = {
    "make run": r"-m local",
    "make setup": r"pip install|Nothing to be done",
    "make check": r"ruff format --check[\s\S]*-m benchmarks",
    "keys.json": _NOTHING,
    "pip install azure-cognitiveservices-personalizer": r"already satisfied",
    "PersonalizerClient(": r"^(pasta|salad) \[\('\w+', [\d.]+\), ",
    "simulate coffee": r"60\b[\s\S]*reward",
    "ENVIRONMENT=": _NOTHING,
    "ENDPOINT=http": _NOTHING,
    "cli loops add": r"^loop +\w+\n" + _KEYS,
    "cli keys show": r"^loop +\w+\n" + _KEYS,
    "--key client1": r"^loop +\w+\n" + _KEYS + r"[\s\S]*\w{32}",
    "--key 1": r"^loop +\w+\n" + _KEYS,
    "/status": r'"apiStatus":"Valid"',
    '"learningMode"': r'"learningMode":"Apprentice"',
    "/configurations/service": r'"rewardWaitTime":"PT5S".*"learningMode":"Online"',
    "/rank": r'\{"ranking":\[\{"id":"(pasta|salad)","probability":0\.5\}.*"rewardActionId":',
    "/reward": _NOTHING,
    '/health"': r'^{"status":"healthy"}{"status":"ready",',
    "cli loops list": r"LOOP +CREATED[\s\S]*^walkthrough +\d{4}[^\n]*\n\[",
    "cli doctor": r"learn",
    "model/properties": _NOTHING,
    "-o model.vw": _NOTHING,
    "@model.vw.zip": _NOTHING,
    "@policy.json": r'"arguments":"--cb_explore_adf',
    "-X DELETE": r"",
    "cli loops remove": r"^removed walkthrough$",
    "benchmarks.costs": r"^\| dollars a month \| 1/s \| 10/s \| 100/s \|",
}


def needs_azure(block: Block) -> bool:
    """Whether a block calls a tool that this machine has no use for."""
    return block.language == "sh" and bool(_AZURE.search(block.text))


def _ran(terminal: Terminal, block: Block, service: LocalService) -> Ran:
    text = block.text
    for there, here in _INSTEAD.items():
        text = text.replace(there, here.format(endpoint=service.endpoint))
    if block.language == "python":
        return terminal.run_python(text)
    assert block.language == "sh", f"{block.place}: neither run nor shown only"
    return terminal.run(text)


def _expected(block: Block) -> str:
    found = [prints for holds, prints in _PRINTS.items() if holds in block.text]
    assert found, f"{block.place}: nothing says what it prints"
    return found[0]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service keeps its data."""
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def service(data: Path) -> Iterator[LocalService]:
    """One for all pages; each of them uses a loop of its own, as far as it makes one."""
    with LocalService(data) as running:
        yield running


@pytest.fixture
def terminal(data: Path, service: LocalService, tmp_path: Path) -> Terminal:
    """One in which nothing was typed yet."""
    keys = dict(zip(KEY_SETTINGS, service.keys[DEFAULT_LOOP], strict=True))
    azurite = str(data / "azurite")
    return Terminal(tmp_path, orjson.dumps(keys).decode(), {"AZURITE_DIR": azurite})


@pytest.mark.parametrize("page", [README, DEPLOY], ids=lambda page: page.name)
def test_everything_that_can_be_typed_here_works(
    page: Path, terminal: Terminal, service: LocalService
) -> None:
    ran = 0
    for block in blocks(page):
        if block.language in _SHOWN_ONLY or needs_azure(block):
            continue
        # WHEN a reader pastes it
        became = _ran(terminal, block, service)
        # THEN it works, and prints what one expects
        assert became.code == 0, f"{block.place}\n{block.text}\n{became.output}"
        assert re.search(_expected(block), became.output, re.MULTILINE), (
            f"{block.place} prints\n{became.output}"
        )
        for name in _WRITTEN.findall(block.text):
            assert (terminal.project / name).stat().st_size > 0, f"{block.place} writes no {name}"
        ran += 1
    assert ran >= 7


def test_every_request_of_the_file_is_answered(service: LocalService) -> None:
    # GIVEN the file, with the variables that its reader sets
    variables, requests = read((ROOT / "test.http").read_text())
    assert len(requests) >= 10
    variables |= {"endpoint": service.endpoint, "key": service.key}
    answers: dict[str, bytes] = {}
    with httpx.Client(timeout=30.0) as client:
        for written in requests:
            if written.name == "evaluation":
                _wait_for_events(client, service)
            # WHEN they are sent in order
            request = fill_in(written, variables, answers)
            answer = client.request(
                request.method, request.url, headers=request.headers, content=request.body
            )
            # THEN each is answered
            assert answer.is_success, f"{written.title}: {answer.status_code} {answer.text}"
            answers[written.name] = answer.content


def _wait_for_events(client: httpx.Client, service: LocalService) -> None:
    """An evaluation needs events that were joined, which they are when the first wait is over."""
    url = f"{service.endpoint}/personalizer/v1.0/metrics/learning"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if client.get(url, headers={"Ocp-Apim-Subscription-Key": service.key}).json():
            return
        time.sleep(0.25)
    pytest.fail(f"nothing was joined within {PATIENCE_SECONDS:.0f} s")
