"""What must be open is decided under every policy by the engine itself, and a number never hides what is closed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from schoolgate.checks import run
from schoolgate.checks.deciding import Decided
from schoolgate.checks.needed import Needed, needed_names
from schoolgate.checks.reachability import Closed, is_meant
from schoolgate.checks.record import CheckRecord
from schoolgate.checks.resolving import Resolved
from schoolgate.cli.commands import checks as commands
from schoolgate.config import Settings, SocketAddress, parse
from schoolgate.lists.build import build
from schoolgate.sealed import import_list, importing

ROOT = Path(__file__).resolve().parents[3]
NOW = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
HEAD = 'format = 1\nallowed_clients = ["127.0.0.0/8"]\nstrictest = "strict"\n'
POLICY = HEAD + '[policies.strict]\ncategories = { gambling = "deny", malware = "deny" }\n[policies.open]\n'


@pytest.fixture
def school(tmp_path: Path) -> Iterator[object]:
    """Settings of a school with the shipped lists, built: `school(policy, gambling="listed.example.org")`."""

    def make(policy: str = POLICY, *, protected: str = "", **extra: str) -> Settings:
        (tmp_path / "policy.toml").write_text(policy, encoding="utf-8")
        rows = []
        for category, names in extra.items():
            category = category.replace("_", "-")
            (tmp_path / f"{category}.txt").write_text("\n".join(names.split()) + "\n", encoding="utf-8")
            rows.append(f'{{ path = "{category}.txt", category = "{category}" }}')
        text = (
            f'[server]\nstate_dir = "{tmp_path / "state"}"\n[policy]\nfile = "policy.toml"\n'
            f'[lists]\ndir = "{ROOT / "lists"}"\nextra = [{", ".join(rows)}]\nprotected = [{protected}]\n'
        )
        settings = parse(text, "schoolgate.toml", folder=tmp_path)
        build(settings, lambda _: None)
        return settings

    yield make


def check(settings: Settings):  # type: ignore[no-untyped-def]
    return run.reachability(None, settings, None, NOW)


def test_the_shipped_lists_and_every_template_over_block_nothing(school) -> None:  # type: ignore[no-untyped-def]
    for template in sorted((ROOT / "lists/policies").glob("*.toml")):
        found = check(school(template.read_text(encoding="utf-8")))
        assert found.over_blocked == (), template.name
        assert found.on_purpose == (), template.name
        assert found.names > 300
        assert any(policy.endswith("allow list only") for policy in found.policies)


def test_each_needed_name_is_decided_under_each_policy_and_always_open_ones_under_allow_list_only_too(school) -> None:  # type: ignore[no-untyped-def]
    settings = school()
    needed = needed_names(settings)
    always = sum(one.is_always_open for one in needed)
    found = check(settings)
    assert found.policies == ("open", "strict", "open, allow list only", "strict, allow list only")
    assert found.decisions == 2 * len(needed) + 2 * always


def test_a_locked_deny_of_a_category_closes_a_help_line_and_is_counted(school) -> None:  # type: ignore[no-untyped-def]
    policy = POLICY.replace(
        "[policies.open]", '[policies.strict.locked]\ncategories = { gambling = "deny" }\n[policies.open]'
    )
    found = check(school(policy, gambling="childline.org.uk"))
    assert {(one.name, one.policy, one.layer, one.category, one.by) for one in found.over_blocked} == {
        ("childline.org.uk", policy, "trust-locked", "gambling", "extra/gambling")
        for policy in ("strict", "strict, allow list only")
    }
    assert found.rate == pytest.approx(2 / found.decisions)


def test_a_help_line_on_a_threat_list_stays_open_unless_the_category_is_locked(school) -> None:  # type: ignore[no-untyped-def]
    """The layer of protected access stands above threats: what closes a compromised help line is a lock."""
    found = check(school(malware="childline.org.uk"))
    assert (found.over_blocked, found.on_purpose) == ((), ())
    locked = POLICY.replace(
        "[policies.open]", '[policies.strict.locked]\ncategories = { malware = "deny" }\n[policies.open]'
    )
    found = check(school(locked, malware="childline.org.uk"))
    assert found.over_blocked == ()
    assert {one.policy for one in found.on_purpose} == {"strict", "strict, allow list only"}


def test_a_lock_by_name_closes_a_compromised_help_line_and_is_shown(school) -> None:  # type: ignore[no-untyped-def]
    policy = POLICY.replace("[policies.open]", '[policies.strict.locked]\ndeny = ["childline.org.uk"]\n[policies.open]')
    found = check(school(policy))
    assert {(one.name, one.layer) for one in found.over_blocked} == {("childline.org.uk", "trust-locked")}


def test_a_guarded_name_may_be_closed_by_the_schools_own_rule_and_not_by_a_list(school) -> None:  # type: ignore[no-untyped-def]
    policy = POLICY.replace("[policies.open]", 'deny = ["own.example.org"]\n[policies.open]')
    settings = school(policy, protected='"own.example.org", "listed.example.org"', gambling="listed.example.org")
    found = check(settings)
    assert [(one.name, one.policy, one.by) for one in found.over_blocked] == [
        ("listed.example.org", "strict", "extra/gambling")
    ]
    assert [(one.name, one.policy) for one in found.on_purpose] == [("own.example.org", "strict")]


def test_always_open_wins_over_guarded_and_test_names_are_left_out(school) -> None:  # type: ignore[no-untyped-def]
    needed = {one.name: one for one in needed_names(school(protected='"childline.org.uk"', exams="board.example.org"))}
    assert needed["childline.org.uk"] == Needed("childline.org.uk", "help-lines", True)
    assert not any(name.endswith("allowed.example.com") for name in needed)
    assert needed["login.microsoftonline.com"].is_always_open is False


@pytest.mark.parametrize(
    ("always_open", "layer", "category", "feed", "meant"),
    [
        (True, "sealed", None, None, True),
        (True, "threat", "malware", "feeds/x", True),
        (True, "trust-locked", "malware", "feeds/x", True),
        (True, "trust-locked", "gambling", "feeds/x", False),
        (True, "unknown", None, None, False),
        (False, "unknown", None, None, True),
        (False, "own-list", None, None, True),
        (False, "category", "gambling", "feeds/x", False),
        (False, "category", "service:tube", "services/tube", True),
    ],
)
def test_who_may_close_what(always_open: bool, layer: str, category: str | None, feed: str | None, meant: bool) -> None:
    needed = Needed("www.example.org", "exams", always_open)
    assert is_meant(needed, Decided(False, layer, category, feed, None), {"malware": "threat"}) is meant


def test_a_closed_name_is_a_sentence() -> None:
    closed = Closed("www.example.org", "exams", "pupil", "category", "gambling", "feeds/x", "cdn.example.net")
    assert str(closed) == (
        "www.example.org (its answer leads to cdn.example.net) is closed under pupil: category by feeds/x as gambling"
    )


SEALED_CDN = "unspeakable.example.net"


@pytest.mark.parametrize("listed", [SEALED_CDN, "childline.org.uk"])
def test_no_name_of_a_sealed_list_is_written_anywhere(  # type: ignore[no-untyped-def]
    school, listed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A help line's answer leads to it, or it is one: neither the state directory nor a program's output holds it."""
    monkeypatch.setattr(importing, "keep_private", lambda: None)
    settings = school()
    source = tmp_path / "from-supplier"
    source.write_text(f"{listed}\n", encoding="utf-8")
    import_list(settings.server.state_dir, source, supplier="iwf", form="plain", column=None, who="a tester", now=NOW)
    source.unlink()

    def resolved(names: Sequence[str], *_: object) -> tuple[Resolved, ...]:
        return tuple(
            Resolved(name, "denied", "NXDOMAIN", (SEALED_CDN,) if name == "childline.org.uk" else ()) for name in names
        )

    monkeypatch.setattr(run, "resolve_all", resolved)
    monkeypatch.setattr(run, "needed_names", lambda _: (Needed("childline.org.uk", "help-lines", True),))
    found = run.reachability(None, settings, SocketAddress("127.0.0.1", 53), NOW)
    CheckRecord(settings.server.state_dir).keep("reachability", found.whole(), found.summary())
    kept = (settings.server.state_dir / "checks/reachability.json").read_bytes()
    assert b"(withheld)" in kept
    for path in (one for one in settings.server.state_dir.rglob("*") if one.is_file() and "lists" not in one.parts):
        assert listed.encode() not in path.read_bytes(), path
    assert len(found.on_purpose) == len(found.policies), "told, and told once for each policy"
    assert found.over_blocked == ()
    commands._print(found, None)
    assert listed not in capsys.readouterr().out
