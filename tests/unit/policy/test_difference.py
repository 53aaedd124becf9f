"""What changed, in the words of the policy."""

from schoolgate.policy import difference

OLD = """
strictest = "guest"
[policies.pupil]
unknown = "allow"
allow = ["a.example", "b.example"]
categories = { games = "deny" }
safesearch = { google = true }
[policies.gone]
extends = "pupil"
[[segments.pupils.schedule]]
policy = "lunch"
from = 12:00:00
"""
NEW = """
[policies.pupil]
categories = { games = "allow", "service:example" = "deny" }
safesearch.google = 1
allow = ["c.example", "b.example"]
exceptions = [ { name = "x.example", until = 2026-12-01T16:00:00Z } ]
unknown = "deny"
[[segments.pupils.schedule]]
policy = "break"
from = 12:00:00
[[segments.pupils.schedule]]
policy = "lunch"
[segments]
[segments.new]
policy = "pupil"
[top]
"""


def test_each_change_is_one_line_by_path() -> None:
    new = 'strictest = "guest"\n' + NEW.replace("[segments]\n", "").replace("[top]\n", "")
    assert difference(OLD, new) == (
        'policies.gone.extends: "pupil" -> (not set)',
        'policies.pupil.allow: - "a.example"',
        'policies.pupil.allow: + "c.example"',
        'policies.pupil.categories.games: "deny" -> "allow"',
        'policies.pupil.categories."service:example": (not set) -> "deny"',
        'policies.pupil.exceptions: + { name = "x.example", until = 2026-12-01T16:00:00+00:00 }',
        "policies.pupil.safesearch.google: true -> 1",
        'policies.pupil.unknown: "allow" -> "deny"',
        'segments.new.policy: (not set) -> "pupil"',
        'segments.pupils.schedule[0].policy: "lunch" -> "break"',
        'segments.pupils.schedule[1].policy: (not set) -> "lunch"',
    )


def test_layout_comments_and_the_order_of_tables_are_no_change() -> None:
    assert (
        difference(
            OLD,
            "# a comment\n"
            + OLD.replace("categories = { games =", "[policies.pupil.categories]\ngames =").replace(
                '"deny" }\nsafesearch = { google = true }', '"deny"\n[policies.pupil.safesearch]\ngoogle = true'
            ),
        )
        == ()
    )


def test_the_order_of_a_list_is_told_because_a_person_may_have_meant_it() -> None:
    assert difference('a = ["x", "y"]', 'a = ["y", "x"]') == ("a: in another order",)
    assert difference("a = []", "") == ()
    assert difference('a = "x"', "a = []") == ('a: "x" -> []',)
