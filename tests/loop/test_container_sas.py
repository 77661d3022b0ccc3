from __future__ import annotations

import pytest

from loop.container_sas import container_sas
from loop.errors import InvalidSasUri
from loop.events import SECOND, Micros

NOW = Micros(1_772_366_400 * SECOND)  # 2026-03-01T12:00:00Z
HOST = "https://acme.blob.core.windows.net"
QUERY = "sv=2021-08-06&sr=c&sp=rcwl&se=2026-03-01T12%3A00%3A01Z&sig=c2VjcmV0%2B"


@pytest.mark.parametrize(
    ("uri", "container"),
    [
        (f"{HOST}/logs?{QUERY}", f"{HOST}/logs"),
        (f"{HOST}/logs/?{QUERY}", f"{HOST}/logs"),
        (f"{HOST}/my-logs-2?{QUERY}", f"{HOST}/my-logs-2"),
        (f"{HOST}:443/logs?{QUERY}", f"{HOST}:443/logs"),
        (f"http://127.0.0.1:10000/acc/logs?{QUERY}", "http://127.0.0.1:10000/acc/logs"),
        (f"http://localhost:10000/acc/logs?{QUERY}", "http://localhost:10000/acc/logs"),
        (f"http://[::1]:10000/acc/logs?{QUERY}", "http://[::1]:10000/acc/logs"),
        (f"{HOST}/logs?sv=2021-08-06&sr=c&si=mirror&sig=x", f"{HOST}/logs"),
        (f"{HOST}/logs?sv=2021-08-06&ss=b&srt=o&sp=w&se=2026-03-02&sig=x", f"{HOST}/logs"),
    ],
)
def test_what_lets_write_into_a_container_is_taken(uri: str, container: str) -> None:
    assert container_sas(uri, NOW).container == container


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("", "no URI"),
        ("hush", "no URI"),
        (f"http://acme.blob.core.windows.net/logs?{QUERY}", "https://"),
        (f"ftp://acme.blob.core.windows.net/logs?{QUERY}", "https://"),
        (f"file:///logs?{QUERY}", "no URI"),
        (f"http://127.0.0.1.example.com/acc/logs?{QUERY}", "https://"),
        (f"https://user:hush@acme.blob.core.windows.net/logs?{QUERY}", "no URI"),
        (f"{HOST}:port/logs?{QUERY}", "no URI"),
        (f"{HOST}?{QUERY}", "container"),
        (f"{HOST}/?{QUERY}", "container"),
        (f"{HOST}/logs/2026/03?{QUERY}", "container"),
        (f"{HOST}/Logs?{QUERY}", "container"),
        (f"{HOST}/a?{QUERY}", "container"),
        (f"{HOST}/a--b?{QUERY}", "container"),
        (f"{HOST}/logs", "signature"),
        (f"{HOST}/logs?{QUERY}#hush", "no URI"),
        (f"{HOST}/lo gs?{QUERY}", "no URI"),
        (f"{HOST}/logs?sv=2021-08-06&sr=c&sp=cw&se=2027-01-01", "sig"),
        (f"{HOST}/logs?{QUERY.replace('sr=c', 'sr=b')}", "sr=c"),
        (f"{HOST}/logs?{QUERY.replace('sr=c&', '')}", "sr=c"),
        (f"{HOST}/logs?{QUERY.replace('rcwl', 'rl')}", "sp"),
        (f"{HOST}/logs?{QUERY.replace('sp=rcwl&', '')}", "sp"),
        (f"{HOST}/logs?{QUERY.replace('rcwl', 'rcl')}", "sp"),
        (f"{HOST}/logs?{QUERY.replace('01Z', '00Z')}", "expired"),
        (f"{HOST}/logs?{QUERY.replace('2026-03-01T12%3A00%3A01Z', 'never')}", "expires"),
        (f"{HOST}/logs?sv=2021-08-06&sr=c&sp=cw&sig=x", "expires"),
    ],
)
def test_anything_else_is_refused_and_not_repeated(uri: str, why: str) -> None:
    with pytest.raises(InvalidSasUri, match=why) as refused:
        container_sas(uri, NOW)
    assert refused.value.target == "logMirrorSasUri"
    assert "c2VjcmV0" not in refused.value.message
    assert "hush" not in refused.value.message


def test_the_signature_is_not_printed() -> None:
    assert "c2VjcmV0" not in repr(container_sas(f"{HOST}/logs?{QUERY}", NOW))
