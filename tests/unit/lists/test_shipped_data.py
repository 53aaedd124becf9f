"""The data that schoolgate ships: categories, SafeSearch, special names, starter lists, circumvention, services.

A wrong line here blocks a lesson or opens a hole in every school at once, so these tests read the real files.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

LISTS = Path(__file__).resolve().parents[3] / "lists"
NAME_LISTS = sorted(
    path
    for folder in ("starter", "circumvention")
    for path in (LISTS / folder).glob("*.txt")
    if path.name != "resolver-addresses.txt"
)
SERVICE_FILES = sorted((LISTS / "services").glob("*.toml"))
DATA_FILES = [
    LISTS / "categories.toml",
    LISTS / "safesearch.toml",
    LISTS / "special-names.toml",
    LISTS / "circumvention" / "resolver-addresses.txt",
    *NAME_LISTS,
    *SERVICE_FILES,
]

BANDS = {"early-years", "primary", "secondary", "sixth-form", "staff", "guest"}
ROLES = {"platform", "protected", "threat", "circumvention", "content", "service"}
ALWAYS_OPEN_ROLES = {"platform", "protected"}
ALERTS = {"none", "watch", "urgent"}


def words(text: str) -> list[str]:
    """A long list of names, written so that it can be read."""
    return text.split()


# The taxonomy that schools ask for. A category may be added to the file, none of these may go.
REQUIRED_CATEGORIES = set(
    words(
        """
    pornography adult self-harm eating-disorders extremism hate discrimination violence weapons drugs
    alcohol-vaping gambling piracy hacking malware phishing command-and-control new-domains circumvention-vpn
    circumvention-proxy circumvention-encrypted-dns circumvention-private-relay circumvention-tor remote-access
    search-unsafe ai-chat ai-image ai-companion ai-homework nudify social messaging anonymous-chat dating forums
    games streaming shopping advertising file-sharing help-lines health-education exams platform
    """
    )
)

# Suffixes that people write by mistake. Where the system has the whole Public Suffix List, another test uses that.
KNOWN_PUBLIC_SUFFIXES = set(
    words(
        """
    co.uk org.uk me.uk ltd.uk plc.uk net.uk ac.uk gov.uk sch.uk nhs.uk police.uk com.au net.au org.au co.nz
    co.za co.jp co.kr co.in com.br com.cn com.tr com.mx com.ua com.sg com.hk com.tw github.io gitlab.io
    blogspot.com githubusercontent.com appspot.com web.app firebaseapp.com pages.dev workers.dev vercel.app
    netlify.app herokuapp.com azurewebsites.net cloudfront.net s3.amazonaws.com onrender.com replit.app repl.co
    glitch.me ngrok.io duckdns.org no-ip.org ddns.net translate.goog weeblysite.com wixsite.com synology.me
    """
    )
)
SYSTEM_SUFFIX_LIST = Path("/usr/share/publicsuffix/public_suffix_list.dat")

LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
IDENTIFIER = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Entry(NamedTuple):
    """One line of a name list: its kind is "suffix", "exact" or "exception"."""

    kind: str
    name: str


# ---- Reading the files ----


@cache
def read_toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def categories() -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in read_toml(LISTS / "categories.toml")["category"]}


def engines() -> list[dict[str, Any]]:
    return list(read_toml(LISTS / "safesearch.toml")["engine"])


def zones() -> list[dict[str, Any]]:
    return list(read_toml(LISTS / "special-names.toml")["zone"])


def services() -> list[dict[str, Any]]:
    return [row for path in SERVICE_FILES for row in read_toml(path)["service"]]


def lines_of(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.split("#", 1)[0].strip()
        if text:
            yield text


def category_of(path: Path) -> str:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# category: "), f"{path}: the first line must be '# category: ID'"
    return first.removeprefix("# category: ").strip()


@cache
def entries_of(path: Path) -> tuple[Entry, ...]:
    kinds = {"=": "exact", "!": "exception"}
    return tuple(
        Entry(kinds[line[0]], line[1:]) if line[0] in kinds else Entry("suffix", line) for line in lines_of(path)
    )


def suffixes_of(name: str) -> Iterator[str]:
    """The name itself and every name above it, except the root."""
    labels = name.split(".")
    return (".".join(labels[i:]) for i in range(len(labels)))


def entries_by_openness(*, always_open: bool) -> dict[Path, tuple[Entry, ...]]:
    roles = {cid: row["role"] for cid, row in categories().items()}
    return {
        path: entries_of(path) for path in NAME_LISTS if (roles[category_of(path)] in ALWAYS_OPEN_ROLES) is always_open
    }


def covering(name: str, entries: Iterable[Entry]) -> list[Entry]:
    """The entries of one list by which that list holds the name; none if an exception of the list takes it out."""
    above = set(suffixes_of(name))
    if any(entry.kind == "exception" and entry.name in above for entry in entries):
        return []
    return [
        entry
        for entry in entries
        if (entry.kind == "suffix" and entry.name in above) or (entry.kind == "exact" and entry.name == name)
    ]


def repeated(values: Iterable[str]) -> list[str]:
    return [value for value, times in Counter(values).items() if times > 1]


def name_fault(name: str) -> str | None:
    """Why a listed name is not one that may be listed, or None."""
    labels = name.split(".")
    if name != name.lower():
        return "not lower case"
    if len(labels) < 2:
        return "a single label"
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        return "not a host name of letters, digits and hyphens"
    if labels[-1].isdigit():
        return "an address"
    if any(label.startswith("xn--") and not is_a_label(label) for label in labels):
        return "a broken A-label"
    if name in KNOWN_PUBLIC_SUFFIXES:
        return "a public suffix"
    return None


def is_a_label(label: str) -> bool:
    try:
        return label.removeprefix("xn--").encode("ascii").decode("punycode").isprintable()
    except UnicodeError:
        return False


def all_listed_names() -> dict[str, list[str]]:
    """Every list and service file with its names."""
    by_file = {f"{path.parent.name}/{path.name}": [entry.name for entry in entries_of(path)] for path in NAME_LISTS}
    for path in SERVICE_FILES:
        by_file[f"services/{path.name}"] = [name for row in read_toml(path)["service"] for name in row["domains"]]
    by_file["safesearch.toml"] = [name for row in engines() for name in (*row["names"], row["target"])]
    return by_file


# ---- Every file ----


@pytest.mark.parametrize("path", DATA_FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_file_begins_by_saying_what_it_is_where_from_and_under_which_licence(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    head = "\n".join(line for line in lines[:40] if line.startswith("#"))
    assert lines[0].startswith("# ")
    assert "Facts:" in head
    assert "Licence:" in head


def test_every_listed_name_is_a_valid_name_that_may_be_listed() -> None:
    faults = {
        f"{file}: {name}": fault
        for file, names in all_listed_names().items()
        for name in names
        if (fault := name_fault(name)) is not None
    }
    assert faults == {}


@pytest.mark.parametrize(
    "name",
    ["Example.com", "com", "co.uk", "exa mple.com", "-a.example.com", "192.0.2.1", "a..example", "xn--\u00fc.com"],
)
def test_a_bad_name_is_seen(name: str) -> None:
    assert name_fault(name) is not None


@pytest.mark.skipif(not SYSTEM_SUFFIX_LIST.exists(), reason="no Public Suffix List here (Debian package publicsuffix)")
def test_no_listed_name_is_a_public_suffix_by_the_whole_list() -> None:
    text = SYSTEM_SUFFIX_LIST.read_text(encoding="utf-8").splitlines()
    rules = {line.strip() for line in text if line.strip() and not line.startswith("//")}
    found = [
        f"{file}: {name}"
        for file, names in all_listed_names().items()
        for name in names
        if name in rules or (f"*.{name.partition('.')[2]}" in rules and f"!{name}" not in rules)
    ]
    assert found == []


# ---- Categories ----


def test_category_ids_are_unique_and_well_formed() -> None:
    ids = [row["id"] for row in read_toml(LISTS / "categories.toml")["category"]]
    assert repeated(ids) == []
    assert [cid for cid in ids if not IDENTIFIER.fullmatch(cid)] == []


def test_the_whole_taxonomy_is_there() -> None:
    assert REQUIRED_CATEGORIES - categories().keys() == set()


@pytest.mark.parametrize("cid", sorted(categories()))
def test_category_is_complete(cid: str) -> None:
    row = categories()[cid]
    assert row.keys() - {"starter", "remedy", "private_suffixes"} == {
        "id",
        "name",
        "definition",
        "role",
        "defaults",
        "alert",
        "asked_by",
    }
    assert row["role"] in ROLES
    assert row["alert"] in ALERTS
    assert row["defaults"].keys() == BANDS
    assert set(row["defaults"].values()) <= {"deny", "allow"}
    assert row["definition"].endswith(".")
    assert row["asked_by"]


def test_always_open_categories_are_open_to_everybody_and_never_watched() -> None:
    for row in categories().values():
        if row["role"] in ALWAYS_OPEN_ROLES:
            assert set(row["defaults"].values()) == {"allow"}, row["id"]
            assert row["alert"] == "none", row["id"]


def test_threats_are_denied_to_every_pupil() -> None:
    for row in categories().values():
        if row["role"] == "threat":
            pupils = {row["defaults"][band] for band in ("early-years", "primary", "secondary", "sixth-form")}
            assert pupils == {"deny"}, row["id"]


def test_a_younger_band_never_gets_more_than_an_older_one() -> None:
    ladder = ["early-years", "primary", "secondary", "sixth-form", "staff"]
    for row in categories().values():
        actions = [row["defaults"][band] for band in ladder]
        assert actions == sorted(actions, reverse=True), row["id"]  # "deny" sorts after "allow"


def test_feed_mappings_lead_to_our_categories_and_never_to_always_open_ones() -> None:
    roles = {cid: row["role"] for cid, row in categories().items()}
    for publisher, mapping in read_toml(LISTS / "categories.toml")["mapping"].items():
        for theirs, ours in mapping.items():
            if ours:
                assert ours in roles, f"{publisher}: {theirs}"
                assert roles[ours] not in ALWAYS_OPEN_ROLES, f"{publisher}: {theirs}"


def test_each_of_the_66_ut1_categories_is_mapped_or_named_with_a_reason() -> None:
    text = (LISTS / "categories.toml").read_text(encoding="utf-8")
    mapping = read_toml(LISTS / "categories.toml")["mapping"]["ut1"]
    assert len(mapping) == 66
    for theirs, ours in mapping.items():
        if not ours:
            assert re.search(rf'^{re.escape(theirs)} = ""  # \S', text, re.MULTILINE), theirs


# ---- SafeSearch ----


def test_engines_of_the_facts_are_there() -> None:
    ids = [row["id"] for row in engines()]
    assert repeated(ids) == []
    assert set(ids) >= {
        "google",
        "youtube-strict",
        "youtube-moderate",
        "bing",
        "duckduckgo",
        "brave",
        "ecosia",
        "pixabay",
        "qwant",
        "yandex",
    }


def test_each_engine_says_where_it_is_known_from_and_rewrites_no_name_twice() -> None:
    for row in engines():
        assert row["verified"], row["id"]
        assert row["name"], row["id"]
        assert repeated(row["names"]) == [], row["id"]
        assert row["target"] not in row["names"], row["id"]


def test_engines_share_names_only_between_the_levels_of_youtube() -> None:
    names = [name for row in engines() if row["id"] != "youtube-moderate" for name in row["names"]]
    assert repeated(names) == []
    by_id = {row["id"]: row for row in engines()}
    assert by_id["youtube-strict"]["names"] == by_id["youtube-moderate"]["names"]
    assert by_id["youtube-strict"]["target"] != by_id["youtube-moderate"]["target"]


def test_every_google_country_domain_is_rewritten_with_www_images_and_bare() -> None:
    google = next(row for row in engines() if row["id"] == "google")
    names = set(google["names"])
    bare = {name for name in names if name.startswith("google.")}
    assert len(bare) == 194
    assert {f"www.{name}" for name in bare} | {f"images.{name}" for name in bare} <= names
    assert names - bare - {f"www.{n}" for n in bare} - {f"images.{n}" for n in bare} == {
        "ipv6.google.com",
        "encrypted.google.com",
    }


def test_no_list_denies_a_name_or_target_of_a_lockable_engine() -> None:
    locked = {name for row in engines() for name in (*row["names"], row["target"])}
    found = [
        f"{path.name}: {entry.name} covers {name}"
        for path, entries in entries_by_openness(always_open=False).items()
        for name in sorted(locked)
        for entry in covering(name, entries)
    ]
    assert found == []


# ---- Special names ----


def test_zones_are_unique_and_of_a_known_kind() -> None:
    assert repeated(row["name"] for row in zones()) == []
    for row in zones():
        assert row["kind"] in {"nxdomain", "nodata", "static"}, row["name"]
        assert row["why"], row["name"]
        assert ("records" in row) is (row["kind"] == "static"), row["name"]
        assert all(LABEL.fullmatch(label) for label in row["name"].split(".")), row["name"]


def test_static_records_lie_in_their_zone_and_are_well_formed() -> None:
    for row in zones():
        for line in row.get("records", []):
            owner, ttl, klass, rtype, data = line.split()
            assert owner.endswith("."), line
            assert owner.rstrip(".").removeprefix("*.") == row["name"] or owner.endswith(f".{row['name']}."), line
            assert 0 < int(ttl) <= 86400, line
            assert klass == "IN", line
            if rtype in {"A", "AAAA"}:
                assert ipaddress.ip_address(data).version == (4 if rtype == "A" else 6), line
            else:
                assert (rtype, data[-1]) == ("PTR", "."), line


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("use-application-dns.net", "nxdomain"),
        ("mask.icloud.com", "nxdomain"),
        ("mask-h2.icloud.com", "nxdomain"),
        ("mask-canary.icloud.com", "nxdomain"),
        ("dns-tunnel-check.googlezip.net", "nxdomain"),
        ("resolver.arpa", "nodata"),
        ("localhost", "static"),
        ("ipv4only.arpa", "static"),
        *(
            (name, "nxdomain")
            for name in ["test", "invalid", "onion", "alt", "internal", "local", "home.arpa", "service.arpa"]
        ),
    ],
)
def test_canary_or_special_use_name_has_its_fixed_answer(name: str, kind: str) -> None:
    assert {row["name"]: row["kind"] for row in zones()}[name] == kind


@pytest.mark.parametrize(
    "prefix",
    words(
        """
        10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 0.0.0.0/8 192.0.2.0/24
        198.51.100.0/24 203.0.113.0/24 255.255.255.255/32 ::/128 ::1/128 fd00::/8 fe80::/10 2001:db8::/32
        """
    ),
)
def test_reverse_names_of_a_private_prefix_stay_here(prefix: str) -> None:
    """RFC 6303 and RFC 7793: first and last address of the prefix lie in a zone that is never forwarded."""
    network = ipaddress.ip_network(prefix)
    closed = {row["name"] for row in zones() if row["kind"] == "nxdomain"}
    for address in (network[0], network[-1]):
        assert closed & set(suffixes_of(address.reverse_pointer)), address


@pytest.mark.parametrize("address", ["8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1", "192.0.0.8"])
def test_reverse_names_of_a_public_address_are_resolved(address: str) -> None:
    closed = {row["name"] for row in zones()}
    assert not closed & set(suffixes_of(ipaddress.ip_address(address).reverse_pointer))


# ---- Starter and circumvention lists ----


@pytest.mark.parametrize("path", NAME_LISTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_list_has_a_known_category_its_test_name_and_no_line_twice(path: Path) -> None:
    cid = category_of(path)
    assert cid in categories()
    word = "allowed" if categories()[cid]["role"] in ALWAYS_OPEN_ROLES else "blocked"
    assert entries_of(path)[0] == Entry("suffix", f"{cid}.{word}.example.com")
    assert repeated(entry.name for entry in entries_of(path)) == []


@pytest.mark.parametrize("path", NAME_LISTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_entry_says_again_what_a_shorter_one_says(path: Path) -> None:
    entries = entries_of(path)
    listed = {entry.name for entry in entries if entry.kind == "suffix"}
    again = [e.name for e in entries if e.kind != "exception" and listed & set(list(suffixes_of(e.name))[1:])]
    assert again == []
    for entry in entries:
        if entry.kind == "exception":
            assert listed & set(suffixes_of(entry.name)), f"{entry.name} is an exception to nothing"


def test_a_starter_list_is_named_after_its_category() -> None:
    for path in NAME_LISTS:
        if path.parent.name == "starter":
            assert path.stem == category_of(path)
        else:
            assert category_of(path) in {path.stem, f"circumvention-{path.stem}"}


def test_nothing_always_open_is_listed_to_be_denied_and_no_deny_hides_below_it() -> None:
    openings = {entry for entries in entries_by_openness(always_open=True).values() for entry in entries}
    found = []
    for path, entries in entries_by_openness(always_open=False).items():
        for opening in openings:
            found += [f"{path.name}: {entry.name} closes {opening.name}" for entry in covering(opening.name, entries)]
        for entry in entries:
            if entry.kind != "exception":
                found += [f"{path.name}: {entry.name} is opened by {o.name}" for o in covering(entry.name, openings)]
    assert found == []


def test_no_service_claims_a_name_that_is_always_open() -> None:
    openings = {entry for entries in entries_by_openness(always_open=True).values() for entry in entries}
    domains = [Entry("suffix", name) for row in services() for name in row["domains"]]
    assert [opening.name for opening in openings if covering(opening.name, domains)] == []
    assert [entry.name for entry in domains if covering(entry.name, openings)] == []


def test_names_that_whole_schools_stand_on_are_in_no_list_to_be_denied() -> None:
    must_stay = words(
        """
        google.com www.google.com accounts.google.com classroom.google.com docs.google.com gstatic.com
        googleapis.com fonts.googleapis.com microsoft.com login.microsoftonline.com office.com office365.com
        sharepoint.com teams.microsoft.com config.edge.skype.com outlook.office.com apple.com icloud.com
        amazonaws.com cloudfront.net cloudflare.com akamaiedge.net fastly.net jquery.com jsdelivr.net github.com
        wikipedia.org bbc.co.uk gov.uk education.minecraft.net minecrafteduservices.com scratch.mit.edu
        khanacademy.org youtube.com bing.com duckduckgo.com ecosia.org arbor.sc bromcom.com sims.co.uk
        parentmail.co.uk
        """
    )
    for path, entries in entries_by_openness(always_open=False).items():
        for name in must_stay:
            assert covering(name, entries) == [], f"{path.name} closes {name}"


def test_circumvention_lists_hold_several_hundred_names_of_every_kind() -> None:
    sizes = {path.stem: len(entries_of(path)) for path in NAME_LISTS if path.parent.name == "circumvention"}
    assert sizes.keys() == {"encrypted-dns", "vpn", "proxy", "tor", "private-relay", "remote-access"}
    assert sum(sizes.values()) >= 500


def test_resolver_addresses_are_public_and_unique() -> None:
    # the first is our own test address, which is nobody's
    test_address, *lines = lines_of(LISTS / "circumvention" / "resolver-addresses.txt")
    assert ipaddress.ip_address(test_address) in ipaddress.ip_network("2001:db8::/32")
    networks = [ipaddress.ip_network(line) for line in lines]
    assert repeated(str(network) for network in networks) == []
    assert [str(network) for network in networks if not network.is_global] == []
    # nothing wide: a provider's customers, never a cloud
    assert [str(n) for n in networks if n.prefixlen < (24 if n.version == 4 else 48)] == []
    assert {4, 6} == {network.version for network in networks}


# ---- Services ----


def test_there_are_at_least_150_services() -> None:
    assert len(services()) >= 150


def test_service_ids_are_unique_and_well_formed() -> None:
    ids = [row["id"] for row in services()]
    assert repeated(ids) == []
    assert [sid for sid in ids if not IDENTIFIER.fullmatch(sid)] == []


@pytest.mark.parametrize("path", SERVICE_FILES, ids=lambda path: path.stem)
def test_service_file_is_complete(path: Path) -> None:
    for row in read_toml(path)["service"]:
        assert row.keys() - {"shared", "left_out"} == {"id", "name", "group", "domains", "note"}, row["id"]
        assert row["group"] == path.stem, row["id"]
        assert row["name"], row["id"]
        assert row["domains"], row["id"]
        assert repeated(row["domains"]) == [], row["id"]


def test_no_two_services_own_a_name_or_one_below_it_unless_both_say_shared() -> None:
    owners: dict[str, list[dict[str, Any]]] = {}
    for row in services():
        for name in row["domains"]:
            owners.setdefault(name, []).append(row)
    unsaid = []
    for name, rows in owners.items():
        above = [other for suffix in suffixes_of(name) for other in owners.get(suffix, [])]
        ids = {row["id"] for row in above} | {row["id"] for row in rows}
        if len(ids) > 1 and not all(row.get("shared") for row in (*above, *rows)):
            unsaid.append(f"{name}: {sorted(ids)}")
    assert unsaid == []


def test_a_service_does_not_list_a_name_below_another_of_its_own() -> None:
    for row in services():
        names = set(row["domains"])
        assert [n for n in names if names & set(list(suffixes_of(n))[1:])] == [], row["id"]


# ---- SafeSearch: hosts by which a pupil would come past a lock, and what a level opens ----


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        ("yandex", "www.xn--d1acpjx3f.xn--p1ai"),
        ("yandex", "www.ya.ru"),
        ("yandex", "m.yandex.ru"),
        ("yandex", "images.yandex.com"),
        ("pixabay", "www.pixabay.com"),
        ("bing", "global.bing.com"),
    ],
)
def test_other_hosts_of_an_engine_are_locked_too(engine: str, name: str) -> None:
    assert name in next(row["names"] for row in engines() if row["id"] == engine)


def test_no_rewrite_leads_back_to_a_name_that_is_rewritten() -> None:
    rewritten = {name for row in engines() for name in row["names"]}
    assert {row["target"] for row in engines()} & rewritten == set()


def test_each_service_of_an_engine_is_there() -> None:
    named = {row["service"] for row in engines() if "service" in row}
    assert named == {"youtube"}
    assert named <= {row["id"] for row in services()}


def test_what_a_service_leaves_out_has_a_reason_and_is_not_listed_all_the_same() -> None:
    for row in services():
        for one in row.get("left_out", ()):
            assert one.keys() == {"name", "why"}, row["id"]
            assert one["why"], row["id"]
            assert not set(suffixes_of(one["name"])) & set(row["domains"]), f"{row['id']}: {one['name']}"


def test_services_that_schools_ask_about_are_there() -> None:
    asked = "slack teams zoom webex clubhouse max youtube-front-ends game-proxies betway unibet draftkings virgin-games"
    assert set(words(asked)) - {row["id"] for row in services()} == set()
