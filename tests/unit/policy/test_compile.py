"""The description the engine gets: exact shape, layers, boundaries, and what is warned of."""

import datetime as dt
from pathlib import Path

import orjson
import pytest

from schoolgate.policy import PolicyRefused, Zone, compile_policy, load_catalogue
from schoolgate.policy.zone_text import Record

NOW = dt.datetime(2026, 11, 23, 11, 0, tzinfo=dt.UTC)

WHOLE = """
[policies.trust.locked]
categories = { pornography = "deny" }
deny = ["bad.example"]
[policies.pupil]
extends = "trust"
unknown = "deny"
action = "block-page"
block_ttl_s = 60
block_page = ["192.0.2.10", "2001:db8::10"]
allow = ["bücher.example", "=exact.example"]
deny = ["games.example"]
safesearch = { google = true, youtube = "moderate" }
categories.malware = "deny"
categories.remote-access = "allow"
categories.gambling = "deny"
categories.games = "allow"
categories."service:example" = "allow"
exceptions = [ { name = "lesson.example", reason = "r", approved_by = "a", until = 2026-11-23T11:30:00Z } ]
[segments.pupils]
prefixes = ["10.1.0.0/16", "2001:db8:1::/48"]
asked = ["10.1.0.53", ":5301"]
policy = "pupil"
rate_limit = { qps = 100, burst = 200, devices = 3 }
[[segments.pupils.schedule]]
policy = "trust"
days = ["mon"]
from = "12:00"
to = "13:00"
"""


def test_the_description_has_exactly_the_shape_the_engine_reads(compiled) -> None:
    zones = (
        Zone("test", "nxdomain", (), "special name test: RFC 6761"),
        Zone("home.example", "static", (Record("nas.home.example", 1, 300, bytes([10, 0, 0, 9])),), "local zone"),
    )
    found = compiled(WHOLE, NOW, zones)
    assert list(found) == sorted(found)
    assert found["serial"] == 7
    assert found["block_ttl_s"] == 30
    assert found["strictest"] == "trust"
    assert found["allowed_clients"] == ["10.0.0.0/8", "2001:db8::/32"]
    assert found["segments"] == [
        {
            "id": "pupils",
            "prefixes": ["10.1.0.0/16", "2001:db8:1::/48"],
            "asked": ["10.1.0.53", ":5301"],
            "policy": "pupil",
            "qps": 300,
            "burst": 600,
            "subnet": 8,
            "devices": 3,
            "ech": "pass",
            "ends_at_unix_s": 1795433400,
            "log": "full",
        }
    ]
    assert found["zones"] == [
        {
            "zone": "home.example",
            "kind": "static",
            "records": [{"name": "nas.home.example", "type": 1, "ttl_s": 300, "rdata": "0a000009"}],
        },
        {"zone": "test", "kind": "nxdomain"},
    ]
    assert found["rewrites"][0] == {"id": "google", "names": ["www.google.example"], "target": "safe.google.example"}
    pupil, trust = found["policies"]
    assert pupil == {
        "id": "pupil",
        "action": "block-page",
        "block_ttl_s": 60,
        "max_ttl_s": None,
        "block_addresses": ["192.0.2.10", "2001:db8::10"],
        "unknown": "deny",
        "on_request": False,
        "rewrites": ["google", "youtube-moderate"],
        "categories": {
            "platform": {"layer": 2, "order": 0, "effect": "allow"},
            "help-lines": {"layer": 4, "order": 0, "effect": "allow"},
            "pornography": {"layer": 3, "order": 0, "effect": "deny"},
            "malware": {"layer": 7, "order": 0, "effect": "deny"},
            "remote-access": {"layer": 9, "order": 2, "effect": "allow"},
            "gambling": {"layer": 9, "order": 1, "effect": "deny"},
            "games": {"layer": 9, "order": 2, "effect": "allow"},
            "service:example": {"layer": 8, "order": 0, "effect": "allow"},
        },
    }
    assert (trust["id"], trust["action"], trust["unknown"], trust["rewrites"]) == ("trust", "nxdomain", "allow", [])


def test_a_filter_that_was_asked_for_is_inherited_and_can_be_taken_back(compiled) -> None:
    text = """
    [policies.trust]
    on_request = true
    [policies.club]
    extends = "trust"
    [policies.pupil]
    extends = "trust"
    on_request = false
    """
    found = {one["id"]: one["on_request"] for one in compiled(text, NOW)["policies"]}
    assert found == {"trust": True, "club": True, "pupil": False}


def test_each_name_is_said_once_with_all_its_policies_its_layer_and_where_it_is_written(compiled) -> None:
    zones = (Zone("use-application-dns.net", "nxdomain", (), "special name"),)
    names = {(one["match"], one["name"]): one for one in compiled(WHOLE, NOW, zones)["names"]}
    short = {key: (one["layer"], one["effect"], one["policies"], one["rule"]) for key, one in sorted(names.items())}
    assert short == {
        ("exact", "exact.example"): (6, "allow", ["pupil"], "policies.pupil.allow[1]"),
        ("suffix", "bad.example"): (3, "deny", ["pupil", "trust"], "policies.trust.locked.deny[0]"),
        ("suffix", "games.example"): (6, "deny", ["pupil"], "policies.pupil.deny[0]"),
        ("suffix", "lesson.example"): (5, "allow", ["pupil"], "policies.pupil.exceptions[0]"),
        ("suffix", "use-application-dns.net"): (2, "allow", ["pupil", "trust"], "special name"),
        ("suffix", "xn--bcher-kva.example"): (6, "allow", ["pupil"], "policies.pupil.allow[0]"),
    }


def test_the_policy_in_force_and_its_end_follow_the_instant(compiled) -> None:
    def segment(time: str) -> tuple[str, int | None]:
        one = compiled(WHOLE, dt.datetime.fromisoformat(f"2026-11-23T{time}+00:00"))["segments"][0]
        return one["policy"], one["ends_at_unix_s"]

    noon = 1795435200
    assert segment("11:00:00") == ("pupil", noon - 1800), "the exception's end comes first"
    assert segment("11:30:00") == ("pupil", noon)
    assert segment("12:00:00") == ("trust", noon + 3600)


def test_the_table_is_compiled_again_at_the_next_boundary_of_any_segment_or_exception(read, catalogue) -> None:
    boundaries = []
    now: dt.datetime | None = NOW
    for _ in range(3):
        assert now is not None
        now = compile_policy(read(WHOLE), catalogue, (), serial=1, now=now).next_boundary
        boundaries.append(now and f"{now:%H:%M}")
    assert boundaries == ["11:30", "12:00", "13:00"]
    assert compile_policy(read("[policies.trust]"), catalogue, (), serial=1, now=NOW).next_boundary is None


def test_an_ended_exception_is_gone_and_warned_of(read, catalogue) -> None:
    late = compile_policy(read(WHOLE), catalogue, (), serial=1, now=dt.datetime(2026, 11, 23, 11, 30, tzinfo=dt.UTC))
    assert b"lesson.example" not in late.description
    assert [str(one) for one in late.warnings] == [
        "policy.toml: policies.pupil.exceptions[0]: lesson.example ended at 2026-11-23T11:30:00+00:00"
        " (remove it, or ask anew)"
    ]


def test_doubtful_policies_are_warned_of(read, catalogue) -> None:
    text = """
    [policies.trust]
    [policies.pupil]
    extends = "trust"
    [policies.nobody]
    extends = "trust"
    [segments.pupils]
    prefixes = ["10.1.0.0/16", "192.0.2.0/24"]
    policy = "pupil"
    """
    warnings = compile_policy(read(text), catalogue, (), serial=1, now=NOW).warnings
    assert [(one.path, one.message) for one in warnings] == [
        ("segments.pupils.prefixes[1]", "192.0.2.0/24 is outside allowed_clients: refused"),
        ("policies.nobody", "nobody uses this policy"),
    ]


def test_a_deny_inside_an_inherited_exception_is_said_in_the_layer_of_exceptions(compiled) -> None:
    text = """
    [policies.trust]
    exceptions = [ { name = "lesson.example", reason = "r", approved_by = "a", until = 2027-01-01T00:00:00Z } ]
    [policies.pupil]
    extends = "trust"
    deny = ["chat.lesson.example"]
    """
    layers = {(one["layer"], one["effect"]): one["policies"] for one in compiled(text, NOW)["names"]}
    assert layers == {(5, "allow"): ["pupil", "trust"], (5, "deny"): ["pupil"], (6, "deny"): ["pupil"]}


def test_the_shipped_lists_can_be_referred_to() -> None:
    catalogue = load_catalogue(Path(__file__).parents[3] / "lists")
    assert catalogue.categories["malware"].role == "threat"
    assert catalogue.categories["help-lines"].role == "protected"
    assert catalogue.categories["service:tiktok"].role == "service"
    assert {"google", "youtube-strict", "youtube-moderate"} <= set(catalogue.engines)
    assert {"localhost", "use-application-dns.net"} <= {zone.name for zone in catalogue.special}


def test_a_catalogue_that_is_missing_or_broken_names_every_file(tmp_path: Path) -> None:
    (tmp_path / "categories.toml").write_text('[[category]]\nid = "x"\nname = "x"\nrole = "boss"\n')
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "s.toml").write_text("service = [")
    with pytest.raises(Exception, match="categories") as error:
        load_catalogue(tmp_path)
    text = str(error.value)
    assert "category[0].role" in text
    for file in ("safesearch.toml", "special-names.toml", "s.toml"):
        assert file in text


def test_policies_that_differ_only_in_layout_compile_to_the_same_octets(read, catalogue) -> None:
    blocks = WHOLE.split("[segments.pupils]")
    one = compile_policy(read(WHOLE), catalogue, (), serial=1, now=NOW).description
    other = compile_policy(
        read("[segments.pupils]" + blocks[1] + blocks[0]), catalogue, (), serial=1, now=NOW
    ).description
    assert one == other
    assert orjson.loads(one)["serial"] == 1


def test_names_that_may_lead_inside_are_the_documents_and_the_schools_other_servers(read, catalogue) -> None:
    text = 'private_addresses = ["School.example.", "intranet.example"]\n[policies.trust]'
    compiled = compile_policy(read(text), catalogue, (), serial=1, now=NOW, forwarded=["ad.example", "school.example"])
    found = orjson.loads(compiled.description)["private_addresses"]
    assert found == ["ad.example", "intranet.example", "school.example"]


def test_a_ttl_cap_is_inherited_and_the_nearer_one_counts(compiled) -> None:
    text = """
    [policies.trust]
    [policies.pupil]
    extends = "trust"
    max_ttl_s = 60
    [policies.club]
    extends = "pupil"
    [policies.sixth-form]
    extends = "pupil"
    max_ttl_s = 300
    """
    found = {one["id"]: one["max_ttl_s"] for one in compiled(text, NOW)["policies"]}
    assert found == {"trust": None, "pupil": 60, "club": 60, "sixth-form": 300}


def test_a_canary_of_a_category_answers_for_policies_that_do_not_allow_it(compiled) -> None:
    text = """
    [policies.trust]
    [policies.pupil]
    extends = "trust"
    categories = { gambling = "deny" }
    [policies.staff]
    extends = "trust"
    categories = { gambling = "allow" }
    """
    zones = (Zone("canary.example", "nxdomain", (), "why", "gambling"), Zone("test", "nxdomain", (), "why"))
    found = compiled(text, NOW, zones)
    assert [one.get("policies") for one in found["zones"]] == [["pupil", "trust"], None]
    names = {one["name"]: one["policies"] for one in found["names"]}
    assert names == {"canary.example": ["pupil", "trust"], "test": ["pupil", "staff", "trust"]}


def test_a_safesearch_target_that_is_a_name_of_an_engine_is_refused(tmp_path: Path) -> None:
    shipped = Path(__file__).resolve().parents[3] / "lists"
    for name in ("categories.toml", "special-names.toml"):
        (tmp_path / name).write_text((shipped / name).read_text(encoding="utf-8"), encoding="utf-8")
    engine = '[[engine]]\nid = "{}"\nnames = ["www.{}.example"]\ntarget = "{}"\n'
    text = engine.format("one", "one", "www.two.example") + engine.format("two", "two", "safe.two.example")
    (tmp_path / "safesearch.toml").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyRefused, match=r"one: .*www\.two\.example is itself a name of engine two"):
        load_catalogue(tmp_path)


def test_suffixes_that_spell_names_reach_the_engine(compiled) -> None:
    shipped = load_catalogue(Path(__file__).resolve().parents[3] / "lists")
    assert "translate.goog" in shipped.spelled
    assert compiled(WHOLE, NOW, ())["spelled"] == []
