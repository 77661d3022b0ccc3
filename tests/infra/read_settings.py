"""Which settings the deployed code looks up, found by letting it look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from api.options import read_options
from storage.options import CONNECTION, storage_options
from telemetry.options import CONNECTION as TELEMETRY
from telemetry.options import export_options

SOME_TELEMETRY = (
    "InstrumentationKey=00000000-0000-0000-0000-000000000000;"
    "IngestionEndpoint=https://westeurope-1.in.applicationinsights.azure.com/"
)
OTHER_FORMS = {CONNECTION, f"{CONNECTION}__blobServiceUri", f"{CONNECTION}__tableServiceUri"}
"""Other ways of saying where storage is: with a key in it, or by its addresses."""

OF_THE_PLATFORM = {"WEBSITE_SITE_NAME"}
"""What the platform sets by itself."""


class _Recording(Mapping[str, str]):
    """An environment that remembers what was asked of it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def asked_for() -> set[str]:
    """The names of all settings that the app reads when it starts in Azure."""
    environment = _Recording({f"{CONNECTION}__accountName": "account", TELEMETRY: SOME_TELEMETRY})
    read_options(environment)
    storage_options(environment)
    export_options(environment)
    return environment.asked
