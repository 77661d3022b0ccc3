from __future__ import annotations

from pathlib import Path

import pytest

from cli.__main__ import main
from cli.owner import OwnerError, find_place
from local.azurite import CONNECTION_FILE
from storage.options import CONNECTION, CREDENTIAL, Identity, IdentityKind

KEYS = Path("none")


def by_identity(kind: str, folder: Path) -> dict[str, str]:
    return {
        f"{CONNECTION}__accountName": "acme",
        CREDENTIAL: kind,
        "AZURITE_DIR": str(folder),
    }


@pytest.mark.parametrize("kind", list(IdentityKind))
def test_an_account_that_is_named_goes_before_a_service_that_runs_here(
    tmp_path: Path, kind: IdentityKind
) -> None:
    (tmp_path / CONNECTION_FILE).write_text("UseDevelopmentStorage=true")
    place = find_place(by_identity(kind.value, tmp_path), KEYS)
    assert place.storage.table_endpoint == "https://acme.table.core.windows.net"
    assert place.storage.credential == Identity(kind=kind)


def test_a_credential_that_there_is_not_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(OwnerError, match="managedidentity, azurecli, azd"):
        find_place(by_identity("environment", tmp_path), KEYS)


@pytest.mark.parametrize(("kind", "hint"), [("azurecli", "az login"), ("azd", "azd auth login")])
def test_who_is_not_logged_in_is_told_how(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    hint: str,
) -> None:
    # GIVEN a laptop without the command
    monkeypatch.delenv(CONNECTION, raising=False)
    for name, value in by_identity(kind, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", str(tmp_path))
    # WHEN a loop is to be made THEN there is one line that says what to do
    assert main(["loops", "add", "shop"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"`{hint}`" in line
