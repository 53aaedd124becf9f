"""A denied category that holds few names, or none, is a problem until the recommended feeds fill it, and not after."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from schoolgate.config import Settings, parse
from schoolgate.lists.feed_book import ChosenFeed, FeedBook
from schoolgate.lists.feed_catalogue import read_published
from schoolgate.lists.last_good import FeedState, FeedStates, Good, Part
from schoolgate.lists.recommended import PHASES, Phase, enable_recommended, read_recommended
from schoolgate.lists.unfilled import filling
from schoolgate.policy import CheckedPolicy, load_catalogue, template_names, template_text
from schoolgate.policy import parse as parse_policy
from schoolgate.policy.denied import denied_categories

LISTS = Path(__file__).resolve().parents[3] / "lists"
NOW = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
TEMPLATES = template_names(LISTS)


def settings_in(folder: Path, extra: str = "") -> Settings:
    text = f'[server]\nstate_dir = "{folder / "state"}"\n[lists]\ndir = "{LISTS}"\n{extra}'
    return parse(text, "schoolgate.toml", folder=folder)


def read(text: str) -> CheckedPolicy:
    return parse_policy(text, "policy.toml", load_catalogue(LISTS))


def fetch(settings: Settings, phases: tuple[Phase, ...] = PHASES, *, but: tuple[str, ...] = ()) -> None:
    """As if the recommended feeds had been enabled and fetched."""
    published = read_published(LISTS)
    wanted = read_recommended(LISTS, published).for_phases(phases)
    enable_recommended(FeedBook(settings.server.state_dir), wanted, NOW)
    states = {
        one.feed.id: FeedState(
            good=Good(
                parts=(
                    Part(
                        label="", category=str(one.feed.category), match="suffix", dialect=None, sha256="0", octets=1,
                        rules=9,
                    ),
                ),
                fetched_at=NOW, confirmed_at=NOW, whole_at=NOW,
            )
        )
        for one in wanted
        if one.feed.id not in but
    }  # fmt: skip
    FeedStates(settings.server.state_dir).write(states)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_fresh_install_says_what_it_denies_in_name_only(tmp_path: Path, template: str) -> None:
    found = filling(settings_in(tmp_path), denied_categories(read(template_text(LISTS, template)), NOW))
    problems = {one.subject: one for one in found.problems()}
    assert {"malware", "phishing", "command-and-control"} <= set(problems)
    assert "malware is denied, and no list in use holds a name of it" in problems["malware"].sentence
    starter = problems["lists"]
    assert "gambling (" in starter.sentence
    assert "schoolgate feeds enable --recommended --accept-licences" in starter.remedy
    assert "23 denied categories" in starter.sentence or template != "demo"


@pytest.mark.parametrize("template", TEMPLATES)
def test_with_the_recommended_feeds_nothing_is_left_to_change_and_the_rest_is_said_once(
    tmp_path: Path, template: str
) -> None:
    settings = settings_in(tmp_path)
    fetch(settings)
    found = filling(settings, denied_categories(read(template_text(LISTS, template)), NOW))
    assert found.problems() == ()
    notices = {one.subject: one for one in found.notices()}
    assert "13 reviewed names" in notices["self-harm"].sentence
    assert all(one.remedy for one in found.notices())


@pytest.mark.parametrize(("template", "phase"), [("primary-school", "primary"), ("secondary-school", "secondary")])
def test_the_feeds_of_its_own_phase_are_enough_for_a_template(tmp_path: Path, template: str, phase: Phase) -> None:
    settings = settings_in(tmp_path)
    fetch(settings, (phase,))
    assert filling(settings, denied_categories(read(template_text(LISTS, template)), NOW)).problems() == ()


def test_a_feed_that_was_enabled_and_never_fetched_fills_nothing(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    fetch(settings, but=("hagezi-gambling-medium",))
    (problem,) = filling(settings, {"gambling", "pornography"}).problems()
    assert problem.sentence.startswith("1 denied category holds starter names only")
    assert "gambling" in problem.sentence
    assert "pornography" not in problem.sentence


def test_a_list_of_the_schools_own_fills_a_category(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("bets.example.org\n")
    settings = settings_in(tmp_path, 'extra = [{ path = "mine.txt", category = "gambling" }]\n')
    assert filling(settings, {"gambling"}).problems() == ()


def test_a_category_that_only_lists_we_do_not_recommend_have_is_a_problem_while_it_is_empty(tmp_path: Path) -> None:
    found = filling(settings_in(tmp_path), {"astrology", "new-domains"})
    assert [one.subject for one in found.problems()] == ["astrology"]
    assert [one.subject for one in found.notices()] == ["new-domains"]


def test_what_is_allowed_to_everybody_is_not_looked_at(tmp_path: Path) -> None:
    head = 'format = 1\nallowed_clients = ["10.0.0.0/8"]\nstrictest = "a"\n'
    policy = (
        head + '[policies.a]\ncategories = { gambling = "deny" }\n[policies.unused]\ncategories = { games = "deny" }\n'
    )
    assert denied_categories(read(policy), NOW) == {"gambling"}


def test_enabling_adds_what_is_missing_and_leaves_off_what_the_school_switched_off(tmp_path: Path) -> None:
    book = FeedBook(settings_in(tmp_path).server.state_dir)
    book.path.parent.mkdir()
    book.add(
        ChosenFeed(id="ut1-dating", licence="x", added_at=NOW, enabled=False),
        ChosenFeed(id="ut1-adult", licence="x", added_at=NOW),
    )
    wanted = read_recommended(LISTS, read_published(LISTS)).for_phases(("sixth-form",))
    done = enable_recommended(book, wanted, NOW)
    assert (done.in_use, done.left_off) == (("ut1-adult",), ("ut1-dating",))
    assert {*done.added, "ut1-adult"} == set(book.in_use()) == {one.feed.id for one in wanted} - {"ut1-dating"}
    assert book.read()["ut1-adult"].licence == "x"
