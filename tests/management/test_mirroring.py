from __future__ import annotations

import orjson
import pytest

from api.deployment import now
from loop.configuration import ServiceConfiguration
from loop.errors import InvalidSasUri
from loop.events import Micros
from management.configuration import get_configuration, put_configuration
from management.mirroring import Mirroring
from storage.factory import LoopStorage, Storage
from storage.options import StorageOptions
from tests.mirrors import OwnContainer

NONE: frozenset[str] = frozenset()
BAD = "https://acme.blob.core.windows.net/logs?sv=2021-08-06&sr=c&sp=r&se=2099-01-01&sig=hush"


class Put:
    """Puts members of a configuration, on a loop that may be mirrored."""

    def __init__(self, storage: LoopStorage, opened: Storage) -> None:
        self._storage = storage
        self._mirroring = Mirroring(opened.mirrors, "shop")

    async def __call__(self, **members: object) -> ServiceConfiguration:
        body = orjson.dumps(members)
        return await put_configuration(self._storage, body, now(), NONE, mirroring=self._mirroring)


@pytest.fixture
def put(storage: LoopStorage, opened: Storage) -> Put:
    return Put(storage, opened)


@pytest.fixture
async def own(options: StorageOptions, loop_name: str) -> OwnContainer:
    container = OwnContainer(options, f"m{loop_name}")
    await container.make()
    return container


async def test_a_container_that_takes_something_is_taken(
    put: Put, own: OwnContainer, storage: LoopStorage
) -> None:
    answer = await put(logMirrorEnabled=True, logMirrorSasUri=own.sas())
    assert answer.log_mirror_sas_uri == own.sas()
    assert (await get_configuration(storage)).to_json() == answer.to_json()
    assert await own.files() == {}


async def test_what_can_not_be_written_to_is_refused_with_the_reason(
    put: Put, own: OwnContainer, storage: LoopStorage
) -> None:
    await own.remove()
    forged = own.sas().replace("sig=", "sig=AA")
    for uri, why in ((own.sas(), "404 ContainerNotFound"), (forged, "403"), (BAD, "sp without w")):
        with pytest.raises(InvalidSasUri, match=why) as refused:
            await put(logMirrorEnabled=True, logMirrorSasUri=uri)
        assert refused.value.target == "logMirrorSasUri"
        assert "sig=" not in refused.value.message
    with pytest.raises(InvalidSasUri, match="needs a logMirrorSasUri"):
        await put(logMirrorEnabled=True)
    assert (await storage.settings.read()).etag is None


async def test_one_that_is_not_in_use_is_only_looked_at(put: Put, own: OwnContainer) -> None:
    await own.remove()
    await put(logMirrorSasUri=own.sas())
    with pytest.raises(InvalidSasUri, match="sp without w"):
        await put(logMirrorSasUri=BAD)
    # UNTIL it is turned on
    with pytest.raises(InvalidSasUri, match="404"):
        await put(logMirrorEnabled=True)


async def test_one_that_stands_stops_nobody_from_changing_other_things(
    put: Put, own: OwnContainer
) -> None:
    standing = await put(logMirrorEnabled=True, logMirrorSasUri=own.sas())
    await own.remove()
    await put(**orjson.loads(standing.to_json()) | {"modelRetrainDays": 3})
    off = await put(logMirrorEnabled=False)
    assert off.log_mirror_sas_uri == own.sas()
    assert (await put(logMirrorSasUri=None)).log_mirror_sas_uri is None


async def test_a_time_that_is_over_is_that_of_the_call(put: Put, storage: LoopStorage) -> None:
    uri = BAD.replace("sp=r", "sp=w")
    late = Micros(4_100_000_000_000_000)
    body = orjson.dumps({"logMirrorSasUri": uri})
    with pytest.raises(InvalidSasUri, match="expired"):
        await put_configuration(storage, body, late, NONE)
    await put_configuration(storage, body, now(), NONE)
