"""The sheet "Who is called": plain words for who picks up a telephone, and nothing of settings files or the program."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.unit.console.care_school import RoleBrowser, statuses

from schoolgate.accounts.roles import Role

LEAD = Role.safeguarding_lead
STEPS = """
[webhooks.teams]
url = "https://hooks.example.com/in"

[escalation]
closed = ["2026-12-21..2027-01-03", "2027-05-03"]

[[escalation.steps]]
post = "Safeguarding lead"
to = ["lead@school.example", "webhook:teams"]
telephone = "+44 20 7946 0001"
hours = "school"
severities = ["urgent", "warning"]
concerns = ["safeguarding", "technical"]
"""
# Words of settings, tables and operations.
INTERNAL = re.compile(r"schoolgate\.toml|\[escalation\]|webhook|escalat|severit|concern|\.\.|Europe/|_us\b|\bNone\b")


@pytest.fixture
def steps(browser: RoleBrowser) -> Iterator[None]:
    config = browser.school.control.config
    kept = config.read_text(encoding="utf-8")
    config.write_text(kept + STEPS, encoding="utf-8")
    yield
    config.write_text(kept, encoding="utf-8")


def main_of(text: str) -> str:
    """What a person reads of the page's own part, without tags."""
    return re.sub(r"<[^>]*>", " ", re.search(r"<main.*?</main>", text, re.DOTALL)[0])  # type: ignore[index]


async def test_the_sheet_says_who_when_and_how_in_plain_words(browser: RoleBrowser, steps: None) -> None:
    status, text = await browser.get(LEAD, "/escalation")
    said = main_of(text)
    assert status == 200
    assert not INTERNAL.findall(said)
    for words in ("Safeguarding lead", "+44 20 7946 0001", "lead@school.example", "the system “teams”",
                  "urgent, should be looked at", "safeguarding, technical matters",
                  "21 December 2026 to 3 January 2027; 3 May 2027"):  # fmt: skip
        assert words in said, words
    assert "Ask your network manager to name a post for these hours." in said, "no one outside school hours"


async def test_a_school_without_posts_reads_who_names_them(browser: RoleBrowser) -> None:
    _, text = await browser.get(LEAD, "/escalation")
    assert not INTERNAL.findall(main_of(text))
    assert "Your network manager names the posts" in text


async def test_the_sheet_is_for_those_who_see_alerts(browser: RoleBrowser) -> None:
    sees = {"network_manager", "safeguarding_lead", "head", "trust_director", "provider"}
    assert await statuses(browser, "/escalation") == {role.value: 200 if role in sees else 404 for role in Role}
