"""What a deployment's settings say of Entra ID: the tenant, and who in it may call."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from loop.register import DEFAULT_LOOP, checked_name

DEFAULT_AUDIENCES: tuple[str, ...] = (
    "https://cognitiveservices.azure.com",
    # The same API, by its application id: v1.0 tokens may have either.
    "7d312290-28c8-473c-a0ed-8e53749b6d6d",
)
"""What the retired service's clients ask tokens for."""

PUBLIC_AUTHORITY = "https://login.microsoftonline.com"

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AUTHORITY = re.compile(
    r"https://[a-z0-9.-]+(:\d+)?|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?"
)


Principals: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class EntraOptions:
    """Whose tokens are taken.

    Attributes:
        tenant: ENTRA_TENANT_ID.
        principals: ENTRA_PRINCIPALS: object or application ids, each with a loop that it opens;
            in the order in which they were listed.
        audiences: ENTRA_AUDIENCES: what a token has to be for.
        authority: ENTRA_AUTHORITY: where the tenant publishes its keys.
    """

    tenant: str
    principals: Principals
    audiences: tuple[str, ...] = DEFAULT_AUDIENCES
    authority: str = PUBLIC_AUTHORITY

    @property
    def issuers(self) -> tuple[str, str]:
        """Who may have issued a token, as v1.0 and v2.0 tokens say it."""
        china = (urlsplit(self.authority).hostname or "").endswith(".cn")
        sts = "https://sts.chinacloudapi.cn" if china else "https://sts.windows.net"
        return f"{sts}/{self.tenant}/", f"{self.authority}/{self.tenant}/v2.0"

    @property
    def key_urls(self) -> tuple[str, str]:
        """Where the keys are published that v1.0 and v2.0 tokens are signed with."""
        base = f"{self.authority}/{self.tenant}/discovery"
        return f"{base}/keys", f"{base}/v2.0/keys"


def parse_id(text: str) -> str:
    """An id of Entra's, in small letters.

    Raises:
        ValueError: It is none.

    >>> parse_id("7D312290-28c8-473c-a0ed-8e53749b6d6d")
    '7d312290-28c8-473c-a0ed-8e53749b6d6d'
    """
    identifier = text.strip().lower()
    if not _GUID.fullmatch(identifier):
        raise ValueError(text)
    return identifier


def parse_principals(text: str) -> Principals:
    """Ids, each of which may have ``=`` and a loop behind it, with commas between.

    Raises:
        ValueError: One of them is no id, or no loop can bear the name.

    >>> one = "7d312290-28c8-473c-a0ed-8e53749b6d6d"
    >>> [loop for _, loop in parse_principals(f"{one}=shop, {one}")]
    ['shop', 'default']
    """
    principals = []
    for entry in text.split(","):
        identifier, named, loop = entry.partition("=")
        name = checked_name(loop.strip()) if named else DEFAULT_LOOP
        principals.append((parse_id(identifier), name))
    return tuple(principals)


def parse_audiences(text: str) -> tuple[str, ...]:
    """Audiences, with commas between.

    Raises:
        ValueError: One of them is empty.
    """
    audiences = tuple(part.strip() for part in text.split(","))
    if not all(audiences):
        raise ValueError(text)
    return audiences


def parse_authority(text: str) -> str:
    """Where tenants live: over TLS, unless it is on this machine.

    Raises:
        ValueError: It is no such address.

    >>> parse_authority("https://login.microsoftonline.us/")
    'https://login.microsoftonline.us'
    """
    authority = text.strip().rstrip("/").lower()
    if not _AUTHORITY.fullmatch(authority):
        raise ValueError(text)
    return authority
