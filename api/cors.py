"""Which web pages may call, and what their browsers are told."""

from __future__ import annotations

from collections.abc import Mapping

_ANY = "*"
_EXPOSED = "apim-request-id, x-ms-error-code, Retry-After, Location"
_TAKEN = (
    "ocp-apim-subscription-key, authorization, content-type, accept, user-agent, "
    "x-ms-client-request-id, x-ms-useragent, x-ms-return-client-request-id"
)
_REMEMBERED = "86400"
"""Seconds that a browser may keep the answer to a preflight; browsers cut it at their own limit."""


class Cors:
    """The rules of a deployment whose pages of ``origins`` may call; ``*`` lets in every page."""

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = origins
        # The answer depends on who asks, unless everybody or nobody gets the same.
        self._varies = bool(origins) and _ANY not in origins

    def headers(self, request: Mapping[str, str]) -> dict[str, str]:
        """What every answer to a request with these headers carries."""
        headers = {"Vary": "Origin"} if self._varies else {}
        if self._origins and (origin := request.get("origin")) and self._allows(origin):
            headers["Access-Control-Allow-Origin"] = origin if self._varies else _ANY
            headers["Access-Control-Expose-Headers"] = _EXPOSED
        return headers

    def is_preflight(self, method: str, request: Mapping[str, str]) -> bool:
        """Whether a browser asks if an allowed page may call."""
        return (
            method == "OPTIONS"
            and "access-control-request-method" in request
            and self._allows(request.get("origin", ""))
        )

    def preflight(self, methods: tuple[str, ...]) -> dict[str, str]:
        """What the answer to a preflight carries beside ``headers``."""
        return {
            "Access-Control-Allow-Methods": ", ".join(methods),
            "Access-Control-Allow-Headers": _TAKEN,
            "Access-Control-Max-Age": _REMEMBERED,
        }

    def _allows(self, origin: str) -> bool:
        return bool(origin) and (_ANY in self._origins or origin.lower() in self._origins)
