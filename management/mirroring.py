"""Whether the log can be mirrored to where a configuration asks for."""

from __future__ import annotations

from dataclasses import dataclass

from loop.configuration import ServiceConfiguration
from loop.container_sas import ContainerSas, container_sas
from loop.errors import InvalidSasUri
from loop.events import Micros
from storage.mirror import MirrorError, Mirrors

_TARGET = "logMirrorSasUri"


@dataclass(frozen=True, slots=True)
class Mirroring:
    """Where a loop's log may be mirrored.

    Attributes:
        folder: What the loop has in a container: its name.
    """

    mirrors: Mirrors
    folder: str

    async def try_out(self, sas: ContainerSas) -> None:
        """See whether the container takes something; nothing of that is left for anybody to see.

        Raises:
            InvalidSasUri: It does not, or can't be reached.
        """
        try:
            async with self.mirrors.open(sas, self.folder) as mirror:
                await mirror.probe()
        except MirrorError as error:
            raise InvalidSasUri(f"{_TARGET} can't be written to: {error}.", _TARGET) from None


def new_mirror(
    wanted: ServiceConfiguration, former: ServiceConfiguration, now: Micros
) -> ContainerSas | None:
    """The mirror that a change turns on or moves; None where it does neither.

    What stands is left alone, so that a URI that has expired keeps nobody from changing other
    things.

    Raises:
        InvalidSasUri: It is missing, or no good as far as it tells by itself.
    """
    uri, on = wanted.log_mirror_sas_uri, wanted.log_mirror_enabled
    if uri is None:
        if on and (former.log_mirror_sas_uri is not None or not former.log_mirror_enabled):
            raise InvalidSasUri(f"logMirrorEnabled needs a {_TARGET}.", _TARGET)
        return None
    turned_on = on and not former.log_mirror_enabled
    if uri == former.log_mirror_sas_uri and not turned_on:
        return None
    sas = container_sas(uri, now)
    return sas if on else None
