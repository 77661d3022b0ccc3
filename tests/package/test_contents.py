"""What is deployed: all that the app needs, and nothing else."""

from __future__ import annotations

import ast
import json
import shutil
import sys
import venv
from pathlib import Path

import pytest

from api.operations import OPERATIONS
from api.pages import PAGES
from api.routing import CATCH_ALL, function_routes
from tests.package.build import PACKAGES, ROOT, Package, deployed_files, install

ROOMS = {
    "api",
    "diagnosis",
    "evaluation",
    "loop",
    "management",
    "rank",
    "reward",
    "storage",
    "telemetry",
    "trainer",
}
PAGES_ROOM = "monitor"
FILES = {"function_app.py", "host.json", "requirements.txt"}

# As in Azure, where nothing is asked for before the first request.
SETTINGS = {"AzureWebJobsStorage__accountName": "acme"}

# Prints the names of the app's functions, as the worker finds them.
INDEX = """
import json
import function_app
print(json.dumps([f.get_function_name() for f in function_app.app.get_functions()]))
"""

# Imports the modules that the arguments name.
IMPORT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_nothing_is_deployed_that_is_not_listed_here() -> None:
    deployed = deployed_files(ROOT)
    assert {file.parts[0] for file in deployed} == {*ROOMS, PAGES_ROOM, *FILES}
    assert {file.suffix for file in deployed if file.parts[0] in ROOMS} == {".py"}


def test_what_is_deployed_is_deployed_whole() -> None:
    deployed = set(deployed_files(ROOT))
    for room in (*ROOMS, PAGES_ROOM):
        files = (file for file in (ROOT / room).rglob("*") if file.is_file())
        assert {f.relative_to(ROOT) for f in files if f.parent.name != "__pycache__"} <= deployed


def test_it_has_what_it_imports(package: Package) -> None:
    # GIVEN the modules of the package, and all that any of them imports anywhere in it
    own = [".".join(file.with_suffix("").parts) for file in _modules(package)]
    named = {name for file in _modules(package) for name in _imported(package.root / file)}
    others = named - {name.partition(".")[0] for name in own} - sys.stdlib_module_names
    # WHEN they are imported with nothing else at hand
    imported = package.run(["-c", IMPORT, *own, *sorted(others)], SETTINGS)
    # THEN they are all there
    assert (imported.returncode, imported.stderr) == (0, "")


def test_it_has_no_packages_but_those_it_asks_for(package: Package) -> None:
    asked = (package.root / "requirements.txt").read_text()
    for installed in _installed(package):
        name, version = installed.lower().replace("_", "-").rsplit("-", 1)
        assert f"\n{name}=={version} " in asked


def test_its_functions_are_those_of_the_operation_table(package: Package) -> None:
    indexed = package.run(["-c", INDEX], SETTINGS)
    assert (indexed.returncode, indexed.stderr) == (0, "")
    expected = [name for operation in OPERATIONS for name, _ in function_routes(operation)]
    expected += [page.name for page in PAGES]
    expected += [CATCH_ALL[0], "trainer", "evaluator"]
    assert sorted(json.loads(indexed.stdout)) == sorted(expected)


@pytest.mark.acceptance
def test_plain_pip_installs_the_same(package: Package, tmp_path: Path) -> None:
    # GIVEN the package without its packages, and a Python with pip alone
    bare = Package(tmp_path / "wwwroot", tmp_path / "python/bin/python")
    bare.root.mkdir()
    shutil.copy(package.root / "requirements.txt", bare.root)
    venv.create(tmp_path / "python", symlinks=True, with_pip=True)
    # WHEN it installs as the remote build does THEN it finds all, by the hashes alone
    install(bare, [str(bare.python), "-m", "pip"])
    assert _installed(bare) == _installed(package)


def _modules(package: Package) -> list[Path]:
    rooms = [file for room in sorted(ROOMS) for file in (package.root / room).rglob("*.py")]
    files = [package.root / "function_app.py", *rooms]
    # What is run as a program is no module to import.
    return [f.relative_to(package.root) for f in files if f.name != "__main__.py"]


def _installed(package: Package) -> list[str]:
    return sorted(folder.stem for folder in (package.root / PACKAGES).glob("*.dist-info"))


def _imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names
