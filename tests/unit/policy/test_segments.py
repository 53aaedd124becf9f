"""Networks, doors, and who may ask at all."""

import datetime as dt

import pytest
from pydantic_core import PydanticCustomError

from schoolgate.policy.prefixes import parse_door, parse_network

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
TRUST = "[policies.trust]\n"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("10.1.2.3/16", 'write "10.1.0.0/16"'),
        ("2001:db8::1/32", 'write "2001:db8::/32"'),
        ("::ffff:10.1.0.0/112", 'write "10.1.0.0/16"'),
        ("10.1.0.0/33", 'write it as "10.1.0.0/16" or "2001:db8:1::/48"'),
        ("school", 'write it as "10.1.0.0/16" or "2001:db8:1::/48"'),
        (10, 'write it as text, such as "10.1.0.0/16"'),
    ],
)
def test_a_wrong_network_comes_with_the_right_one(text: object, remedy: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        parse_network(text)
    assert refused.value.context is not None
    assert refused.value.context["remedy"] == remedy


def test_a_bare_address_is_a_network_of_one() -> None:
    assert str(parse_network("10.1.2.3")) == "10.1.2.3/32"
    assert str(parse_network("2001:DB8::1")) == "2001:db8::1/128"
    assert str(parse_network("10.1.0.0/255.255.0.0")) == "10.1.0.0/16"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10.1.0.53", "10.1.0.53"),
        ("2001:DB8::53", "2001:db8::53"),
        (":5301", ":5301"),
        ("10.1.0.53:53", "10.1.0.53:53"),
        ("[2001:db8::53]:53", "[2001:db8::53]:53"),
    ],
)
def test_a_door_is_an_address_a_port_or_both(text: str, shown: str) -> None:
    assert str(parse_door(text)) == shown


@pytest.mark.parametrize(
    "text", ["", ":", ":0", ":65536", "10.1.0.53:", "x:53", "[10.1.0.53]:53", "[::1]", "::1:x", 53]
)
def test_what_is_no_door_is_refused(text: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_door(text)


def test_the_same_network_in_two_segments_is_refused_and_nested_ones_are_not(problems, read) -> None:
    both = TRUST + '[segments.a]\npolicy = "trust"\nprefixes = ["10.1.0.0/16", "{}"]\n[segments.b]\npolicy = "trust"\n'
    both += 'prefixes = ["2001:db8::/48", "10.1.0.0/{}"]'
    (line,) = problems(both.format("10.2.0.0/16", 16))
    assert line.startswith("segments.b.prefixes[1]: 10.1.0.0/16 belongs to segments.a.prefixes[0] too")
    assert set(read(both.format("10.2.0.0/16", 24)).document.segments) == {"a", "b"}
    (line,) = problems(both.format("10.1.0.0/16", 24))
    assert line.startswith("segments.a.prefixes[1]: 10.1.0.0/16 belongs to segments.a.prefixes[0] too")


def test_the_same_network_at_two_doors_is_a_split_view(problems, read) -> None:
    split = TRUST + '[segments.a]\npolicy = "trust"\nprefixes = ["10.1.0.0/16"]\nasked = [":5301"]\n'
    split += '[segments.b]\npolicy = "trust"\nprefixes = ["10.1.0.0/16"]\n'
    assert set(read(split).document.segments) == {"a", "b"}
    (line,) = problems(split + 'asked = [":5302", ":5301"]\n')
    assert "10.1.0.0/16 asked at :5301 belongs to segments.a.prefixes[0] too" in line


def test_a_segment_with_only_a_door_takes_every_client_there(problems, read) -> None:
    door = TRUST + '[segments.a]\npolicy = "trust"\nasked = [":5301"]\n[segments.b]\npolicy = "trust"\n'
    assert read(door + 'asked = [":5302"]').document.segments["a"].prefixes == ()
    assert len(problems(door + 'asked = [":5301"]')) == 2, "both allowed networks"
    assert problems(door) == ['segments.b: names no network (write prefixes = ["10.1.0.0/16"], or asked)']


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "0.0.0.0/1", "2000::/3", "192.0.0.0/7"])
def test_an_open_resolver_is_refused(problems, network: str) -> None:
    head = f'format = 1\nstrictest = "trust"\nallowed_clients = ["10.0.0.0/8", "fc00::/7", "{network}"]\n'
    assert problems(TRUST, head)[0].startswith(f"allowed_clients[2]: {network} would make an open resolver")


def test_policies_that_do_not_exist_are_named_wherever_they_are_used(problems) -> None:
    text = '[policies.school]\n[segments.a]\nprefixes = ["10.0.0.0/8"]\npolicy = "scool"\n'
    found = problems(text + '[[segments.a.schedule]]\npolicy = "x"\n')
    assert [line.split(": ")[0] for line in found] == [
        "strictest",
        "segments.a.policy",
        "segments.a.schedule[0].policy",
    ]
