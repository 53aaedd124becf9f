"""[tls] and [doors]: where encrypted DNS is answered, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from schoolgate.config import ConfigInvalid, load

PAIR = '[tls]\ncertificate = "chain.pem"\nkey = "key.pem"\n'
LISTEN = '[server]\nlisten = ["192.0.2.53:53", "[2001:db8::53]:53", "192.0.2.53:5300"]\n'


def addresses(folder: Path, text: str) -> tuple[list[str], list[str]]:
    path = folder / "schoolgate.toml"
    path.write_text(text, encoding="utf-8")
    settings = load(path)
    return [str(one) for one in settings.dot_addresses], [str(one) for one in settings.doh_addresses]


def test_without_a_certificate_the_doors_are_closed(tmp_path: Path) -> None:
    assert addresses(tmp_path, LISTEN) == ([], [])
    assert addresses(tmp_path, LISTEN + '[doors]\ndot = ["192.0.2.53:853"]\n') == ([], [])


def test_with_one_they_are_open_where_plain_dns_is_answered(tmp_path: Path) -> None:
    found = addresses(tmp_path, LISTEN + PAIR)
    assert found == (["192.0.2.53:853", "[2001:db8::53]:853"], ["192.0.2.53:443", "[2001:db8::53]:443"])


def test_addresses_of_their_own_win_and_an_empty_list_closes(tmp_path: Path) -> None:
    assert addresses(tmp_path, PAIR + '[doors]\ndot = []\ndoh = ["192.0.2.7:8443"]\n') == ([], ["192.0.2.7:8443"])


def test_files_are_found_beside_the_settings(tmp_path: Path) -> None:
    addresses(tmp_path, PAIR)
    assert load(tmp_path / "schoolgate.toml").tls.key == tmp_path / "key.pem"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[tls]\ncertificate = "chain.pem"\n', "certificate and key belong together"),
        ('[doors]\ndot = ["192.0.2.1:853"]\ndoh = ["192.0.2.1:853"]\n', "192.0.2.1:853 is there twice"),
        ("[doors]\nmax_connections = 4\nmax_connections_per_client = 5\n", "is above max_connections"),
        ('[doors]\ndoh = ["dns.example:443"]\n', "a name cannot be used"),
        ("[doors]\nthreads = 9\n", "8 at most"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=said):
        addresses(tmp_path, text)
