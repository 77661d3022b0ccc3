from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timezone

import pytest

from loop.container_sas import ContainerSas, container_sas
from loop.events import Micros
from storage.mirror import MirrorError, Mirrors
from storage.options import StorageOptions
from tests.mirrors import OwnContainer

NOW = Micros(0)


@pytest.fixture
async def own(options: StorageOptions, loop_name: str) -> OwnContainer:
    container = OwnContainer(options, f"m{loop_name}")
    await container.make()
    return container


@pytest.fixture
def mirrors(options: StorageOptions) -> Mirrors:
    return Mirrors(options.blob_endpoint)


async def chunks(*data: bytes) -> AsyncIterator[bytes]:
    for chunk in data:
        yield chunk


async def write(mirrors: Mirrors, sas: str, name: str, *data: bytes) -> None:
    async with mirrors.open(container_sas(sas, NOW), "shop") as mirror:
        await mirror.write(name, chunks(*data))


@pytest.mark.parametrize("permission", ["w", "cw", "racwdl"])
async def test_whoever_may_write_may_mirror(
    own: OwnContainer, mirrors: Mirrors, permission: str
) -> None:
    async with mirrors.open(container_sas(own.sas(permission), NOW), "shop") as mirror:
        # GIVEN a probe, which nobody sees
        await mirror.probe()
        await mirror.probe()
        assert await own.files() == {}
        # WHEN files are written, large ones and empty ones THEN they are in the loop's folder
        large = [bytes([i]) * 1_000_000 for i in range(9)]
        await mirror.write("log/a", chunks(*large))
        await mirror.write("log/b", chunks())
    assert await own.files() == {"shop/log/a": b"".join(large), "shop/log/b": b""}


async def test_a_file_that_is_there_is_left_as_it_is(own: OwnContainer, mirrors: Mirrors) -> None:
    await write(mirrors, own.sas(), "a", b"1")
    await write(mirrors, own.sas(), "a", b"2")
    assert await own.files() == {"shop/a": b"1"}


async def test_why_it_fails_is_told_without_the_signature(
    own: OwnContainer, mirrors: Mirrors
) -> None:
    forged = own.sas().replace("sig=", "sig=AA")
    expired = own.sas(expiry=datetime(2001, 1, 1, tzinfo=timezone.utc))
    gone = OwnContainer(own.options, "nobody-made-it").sas()
    for sas, why in ((forged, "403"), (expired, "403"), (gone, "404 ContainerNotFound")):
        async with mirrors.open(container_sas(sas, NOW), "shop") as mirror:
            with pytest.raises(MirrorError, match=why) as probed:
                await mirror.probe()
            with pytest.raises(MirrorError, match=why) as written:
                await mirror.write("a", chunks(b"1"))
        assert "sig=" not in f"{probed.value} {written.value}"


async def test_a_mirror_that_is_not_there_is_told(mirrors: Mirrors) -> None:
    query = "sv=2021-08-06&sr=c&sp=cw&se=2099-01-01&sig=x"
    async with mirrors.open(container_sas(f"http://127.0.0.1:9/acc/logs?{query}", NOW), "") as gone:
        with pytest.raises(MirrorError, match="does not answer"):
            await gone.probe()
    nowhere = container_sas(f"https://nowhere.invalid/logs?{query}", NOW)
    with pytest.raises(MirrorError, match="host can't be found"):
        async with mirrors.open(nowhere, ""):
            pass


class TestWhereItMayLead:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "127.1", "2130706433", "localhost", "10.0.0.7", "::1", "fd00::1"]
    )
    async def test_not_inside_where_the_deployment_s_own_storage_is_not(self, host: str) -> None:
        with pytest.raises(MirrorError, match="inside this network"):
            async with Mirrors("https://8.8.8.8").open(ContainerSas("", "", host), ""):
                pass

    @pytest.mark.parametrize("host", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"])
    async def test_never_to_addresses_of_the_platform(self, host: str, mirrors: Mirrors) -> None:
        with pytest.raises(MirrorError, match="inside this network"):
            async with mirrors.open(ContainerSas("", "", host), ""):
                pass
