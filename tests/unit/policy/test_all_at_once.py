"""Everything wrong with a policy is told in one run, each with its path."""

import pytest

from schoolgate.policy import PolicyRefused, parse


def paths(lines: list[str]) -> list[str]:
    return [line.split(": ")[0] for line in lines]


def test_every_kind_of_problem_is_told_in_one_run(problems) -> None:
    found = problems(
        """
        time_zone = "Europe/Londno"
        stricktest = "x"
        private_addresses = ["school.example", "10.0.0.0/8"]
        [policies.trust.locked]
        categories = { pornography = "deny", games = "allow" }
        deny = ["bad.example"]
        [policies.school]
        extends = "trsut"
        [policies.pupil]
        extends = "trust"
        unknown = "maybe"
        block_ttl_s = 61
        max_ttl_s = 0
        allow = ["http://example.org/x", "example..org"]
        categories = { pornography = "allow", gambing = "deny", help-lines = "deny" }
        safesearch = { google = "moderate", gogle = true, youtube = 3 }
        exceptions = [ { name = "a.bad.example", reason = "", until = 2026-12-01T16:00:00 } ]
        [segments.pupils]
        prefixes = ["10.1.2.3/16", "10.0.0.0/33"]
        asked = [":0"]
        policy = "pupli"
        rate_limit = { qps = 0 }
        ech = "none"
        [[segments.pupils.schedule]]
        policy = "trust"
        from = "25:00"
        days = ["monday"]
        dates = { only = ["2026-13-01"], exept = [] }
        [segments."Not An Id"]
        policy = "trust"
        """
    )
    assert sorted(paths(found)) == sorted(
        [
            "time_zone",
            "stricktest",
            "private_addresses[1]",
            "policies.trust.locked.categories.games",
            "policies.school.extends",
            "policies.pupil.unknown",
            "policies.pupil.block_ttl_s",
            "policies.pupil.max_ttl_s",
            "policies.pupil.allow[0]",
            "policies.pupil.allow[1]",
            "policies.pupil.categories.pornography",
            "policies.pupil.categories.gambing",
            "policies.pupil.categories.help-lines",
            "policies.pupil.safesearch.google",
            "policies.pupil.safesearch.gogle",
            "policies.pupil.safesearch.youtube",
            "policies.pupil.exceptions[0].reason",
            "policies.pupil.exceptions[0].approved_by",
            "policies.pupil.exceptions[0].until",
            "segments.pupils.prefixes[0]",
            "segments.pupils.prefixes[1]",
            "segments.pupils.asked[0]",
            "segments.pupils.policy",
            "segments.pupils.rate_limit.qps",
            "segments.pupils.ech",
            "segments.pupils.schedule[0].from",
            "segments.pupils.schedule[0].days[0]",
            "segments.pupils.schedule[0].dates.only[0]",
            "segments.pupils.schedule[0].dates.exept",
            'segments."Not An Id"',
        ]
    )
    text = "\n".join(found)
    for hint in ("Europe/London", "strictest", "did you mean trust?", "did you mean gambling?", "did you mean google?"):
        assert hint in text
    assert '"10.1.2.3/16" has bits set after its prefix (write "10.1.0.0/16")' in text
    assert "did you mean except?" in text


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ""),
        ("format = 2", "format"),
        ("policies = 3", "policies"),
        ("[[policies.trust]]", "policies.trust"),
        ("[segments]\nx = 1", "segments.x"),
        ("format = 1\nformat = 1\n\n", "line 2"),
        ("[" * 2000, ""),
        ("a" + ".a" * 5000 + " = 1", ""),
        ("[policies.trust]\nallow = " + "[" * 40 + "]" * 40, ""),
    ],
)
def test_text_that_is_far_from_a_policy_is_refused_and_never_crashes(text: str, path: str) -> None:
    with pytest.raises(PolicyRefused) as error:
        parse(text, "policy.toml")
    assert path in {problem.path for problem in error.value.problems} | {""}


def test_a_policy_beyond_all_measure_is_refused_unread() -> None:
    with pytest.raises(PolicyRefused, match="too large"):
        parse("#" * (4 * 1024 * 1024 + 1), "policy.toml")


def test_without_a_catalogue_categories_are_not_judged() -> None:
    text = 'format = 1\nallowed_clients = ["10.0.0.0/8"]\nstrictest = "a"\n[policies.a.categories]\nunheard-of = "deny"'
    assert parse(text, "policy.toml").lineages == {"a": ("a",)}
