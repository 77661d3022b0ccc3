"""A SAS URI of a blob container: what it has to be, as far as it tells by itself."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from loop.errors import InvalidSasUri
from loop.events import Micros
from loop.iso import micros_of, parse_instant

_TARGET = "logMirrorSasUri"
_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9](?:-?[a-z0-9])*")
_EXAMPLE = "https://{account}.blob.core.windows.net/{container}?sv=…&sr=c&sp=w&se=…&sig=…"


@dataclass(frozen=True, slots=True)
class ContainerSas:
    """Leave to write into a container.

    Attributes:
        uri: The whole of it; whoever has it, may write.
        container: The same without what gives the leave.
        host: Where the container is.
    """

    uri: str = field(repr=False)
    container: str
    host: str


def container_sas(uri: str, now: Micros) -> ContainerSas:
    """Read a URI, and check what can be seen in it.

    It has to be one of https (of http where the storage is on this machine), name a container and
    nothing in it, and hold a signature that lets write (``sp`` with ``w``: leave to create is not
    enough for files of blocks) and has not expired. What a stored access policy (``si``) says is
    not seen in it.

    Raises:
        InvalidSasUri: The message says what is wrong, and quotes nothing secret.

    >>> sas = "https://acme.blob.core.windows.net/logs?sv=2021-08-06&sr=c&sp=w&se=2030-01-01&sig=x"
    >>> container_sas(sas, Micros(0)).container
    'https://acme.blob.core.windows.net/logs'
    """
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
        query = parse_qs(parts.query, strict_parsing=True)
    except ValueError:
        raise _refused(f"is no URI with a signature; it should be like {_EXAMPLE}") from None
    if not host or parts.username is not None or parts.fragment or re.search(r"[\s\\]", uri):
        raise _refused(f"is no URI of a container; it should be like {_EXAMPLE}")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise _refused("should begin with https://")
    names = unquote(parts.path).removesuffix("/").split("/")[1:]
    if not 1 <= len(names) <= 2 or not _CONTAINER.fullmatch(names[-1]):
        raise _refused("should name a container, and nothing in it")
    _check_signature({name: values[-1] for name, values in query.items()}, now)
    address = f"[{host}]" if ":" in host else host
    where = address if port is None else f"{address}:{port}"
    return ContainerSas(uri, f"{parts.scheme}://{where}/{'/'.join(names)}", host)


def _check_signature(query: dict[str, str], now: Micros) -> None:
    if "sig" not in query or "sv" not in query:
        raise _refused("holds no signature (sv and sig)")
    if query.get("sr", "c") != "c" or ("sr" not in query and "o" not in query.get("srt", "")):
        raise _refused("is not for a container (sr=c)")
    by_policy = "si" in query
    if "w" not in query.get("sp", "w" if by_policy else ""):
        raise _refused("does not let write (sp without w)")
    if "se" not in query and by_policy:
        return
    try:
        expires = micros_of(parse_instant(query.get("se", "")))
    except ValueError:
        raise _refused("does not tell when it expires (se)") from None
    if expires <= now:
        raise _refused("has expired (se)")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refused(why: str) -> InvalidSasUri:
    return InvalidSasUri(f"{_TARGET} {why}.", _TARGET)
