"""The shipped templates are policies that a school could start with."""

import datetime as dt
from pathlib import Path

import orjson
import pytest

from schoolgate.policy import (
    Catalogue,
    NoSuchTemplate,
    compile_policy,
    load_catalogue,
    parse,
    template_names,
    template_text,
)

LISTS = Path(__file__).parents[3] / "lists"
NAMES = (
    "demo",
    "early-years",
    "guest-only",
    "primary-school",
    "secondary-school",
    "sixth-form-college",
    "special-school",
)
NOW = dt.datetime(2026, 11, 23, 12, 45, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(LISTS)


def test_the_templates_are_found_by_name() -> None:
    assert template_names(LISTS) == NAMES
    with pytest.raises(NoSuchTemplate, match="did you mean primary-school"):
        template_text(LISTS, "primary-scool")
    with pytest.raises(NoSuchTemplate):
        template_text(LISTS, "../categories")


@pytest.mark.parametrize("name", NAMES)
def test_a_template_compiles_without_a_warning(catalogue: Catalogue, name: str) -> None:
    checked = parse(template_text(LISTS, name), name, catalogue)
    compiled = compile_policy(checked, catalogue, catalogue.special, serial=1, now=NOW)
    assert compiled.warnings == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_template_denies_what_its_categories_say_is_denied_to_everybody(catalogue: Catalogue, name: str) -> None:
    checked = parse(template_text(LISTS, name), name, catalogue)
    description = orjson.loads(compile_policy(checked, catalogue, (), serial=1, now=NOW).description)
    everybody = {"malware", "phishing", "command-and-control", "pornography", "self-harm", "extremism"}
    for policy in description["policies"]:
        denied = {key for key, rule in policy["categories"].items() if rule["effect"] == "deny"}
        assert everybody <= denied, policy["id"]


@pytest.mark.parametrize("name", NAMES)
def test_unknown_clients_get_a_policy_no_looser_than_staff(catalogue: Catalogue, name: str) -> None:
    checked = parse(template_text(LISTS, name), name, catalogue)
    description = orjson.loads(compile_policy(checked, catalogue, (), serial=1, now=NOW).description)
    rules = {policy["id"]: policy for policy in description["policies"]}
    strictest = rules[description["strictest"]]
    for category, rule in rules.get("staff", {"categories": {}})["categories"].items():
        if rule["effect"] == "deny":
            assert strictest["categories"][category]["effect"] == "deny", category
    assert "youtube-strict" in strictest["rewrites"]


def test_the_demonstration_shows_three_segments_on_one_machine(catalogue: Catalogue) -> None:
    checked = parse(template_text(LISTS, "demo"), "demo", catalogue)
    description = orjson.loads(compile_policy(checked, catalogue, (), serial=1, now=NOW).description)
    assert {one["policy"]: one["prefixes"] for one in description["segments"]} == {
        "pupil": ["127.0.0.1/32", "::1/128"],
        "staff": ["127.0.0.2/32"],
        "guest": ["127.0.0.3/32"],
    }
    assert description["allowed_clients"] == ["127.0.0.0/8", "::1/128"]


def test_secondary_pupils_have_another_policy_at_lunch(catalogue: Catalogue) -> None:
    checked = parse(template_text(LISTS, "secondary-school"), "x", catalogue)
    description = orjson.loads(compile_policy(checked, catalogue, (), serial=1, now=NOW).description)
    pupils = next(one for one in description["segments"] if one["id"] == "pupils")
    assert pupils["policy"] == "pupil-lunch"
    assert dt.datetime.fromtimestamp(pupils["ends_at_unix_s"], dt.UTC) == NOW.replace(hour=13, minute=20)
