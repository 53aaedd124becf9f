"""Passwords: what is refused and why, and how they are kept."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest
from argon2 import extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.accounts.school import CHEAP, MINUTE, PASSWORD, School

from schoolgate.accounts import passwords, sessions
from schoolgate.accounts.account_settings import PasswordSettings
from schoolgate.accounts.breach_file import BreachedPasswords, build
from schoolgate.accounts.errors import (
    AccountRefused,
    BreachFileUnusable,
    FactorRefused,
    PasswordRefused,
    SessionEnded,
    SignInRefused,
)
from schoolgate.accounts.password_hashing import AT_ONCE, PasswordHashing
from schoolgate.accounts.password_rules import broken_rules, context_words, is_passphrase, kinds
from schoolgate.accounts.passwords import Passwords
from schoolgate.accounts.roles import Role

WORDS = context_words(("Oakfield School", "Exampleton", "jsmith"), 2026)
DEFAULT = PasswordSettings()
COMPLEX = PasswordSettings(needs_complexity=True)


def _reasons(password: str, chosen: PasswordSettings = DEFAULT, *, has_factor: bool = True) -> str:
    return "; ".join(broken_rules(password, chosen, WORDS, has_factor))


@pytest.mark.parametrize(
    ("password", "has_factor", "reason"),
    [
        ("kR7#vq!9zLp", True, "it has 11 characters; use 12 or more"),
        ("kR7#vq!9zLpW", True, ""),
        ("kR7#vq!9zLpWx2", False, "it has 14 characters; use 15 or more where there is no second factor"),
        ("kR7#vq!9zLpWx2T", False, ""),
        ("kR7#vq!9zLpWx2T" * 8 + "kR7#vq!9", True, ""),
        ("kR7#vq!9zLpWx2T" * 8 + "kR7#vq!9z", True, "it has 129 characters; use 128 at most"),
        ("kR7#vq!9z\x00LpWx2T", True, "a character that cannot be typed everywhere"),
        ("passwordpassword", True, "common word"),
        ("Password12345678", True, "common word"),
        ("qwertyuiop[]", True, "keys that lie beside each other"),
        ("aaaaaaaaaaaaaaaa", True, "repeats itself"),
        ("abcdefghijklmnop", True, "sequence"),
        ("Oakfield2026", True, "a name that others would guess"),
        ("oakfieldschool1", True, "a name that others would guess"),
        ("exampletonexampleton", True, "a name that others would guess"),
        ("jsmithjsmith", True, "a name that others would guess"),
        ("Summer2026Autumn", True, "a name that others would guess"),
        ("11122011", True, "built on a date"),
    ],
)
def test_a_rule_that_is_broken_is_said_in_plain_words(password: str, has_factor: bool, reason: str) -> None:
    found = _reasons(password, has_factor=has_factor)
    assert reason in found if reason else found == ""


def test_every_reason_is_said_at_once_and_the_password_is_not() -> None:
    found = broken_rules("oakfield", COMPLEX, WORDS, True)
    assert len(found) == 4
    assert not any("oakfield" in one.casefold() for one in found)


def test_an_accent_counts_once_however_it_is_typed() -> None:
    """Eleven characters in NFC, twelve code points as some keyboards type them."""
    typed = "kR7#vq!9zLe\u0301"

    async def refused() -> str:
        school = Passwords(PasswordHashing(CHEAP), DEFAULT)
        with pytest.raises(PasswordRefused) as found:
            await passwords.prepare_for_new(school, (), typed, 0, has_second_factor=True)
        return str(found.value)

    assert "11 characters" in asyncio.run(refused())


@pytest.mark.parametrize(
    ("password", "is_accepted"),
    [
        ("violet kettle marching", True),
        ("violetkettlemarching", False),
        ("violet kettle xq", False),
        ("Violet-kettle-7", True),
        ("violet7kettle", False),
        ("Violet7kettle", True),
    ],
)
def test_complexity_is_asked_where_the_trust_asks_it_and_waived_for_three_words(
    password: str, is_accepted: bool
) -> None:
    asked = "use three of" in _reasons(password, COMPLEX)
    assert asked is not is_accepted
    assert "use three of" not in _reasons(password)


def test_words_that_repeat_are_no_passphrase() -> None:
    assert not is_passphrase("kettle kettle kettle kettle")
    assert is_passphrase("kettle violet march kettle")
    assert kinds("aA1 ") == 4


@pytest.mark.parametrize("length", [7, 0, -1, 129])
@pytest.mark.parametrize("name", ["min_length", "min_length_alone"])
def test_no_setting_goes_below_eight(name: str, length: int) -> None:
    with pytest.raises(AccountRefused, match=name):
        PasswordSettings(**{name: length})
    assert "use 8 or more" in _reasons("kR7#vq!", PasswordSettings(min_length=8))


def test_seasons_are_those_of_the_years_around() -> None:
    assert {"summer2026", "winter25", "autumn2027"} <= set(WORDS)
    assert "summer2020" not in WORDS


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_judged_and_never_breaks_the_rules(text: str) -> None:
    assert isinstance(broken_rules(text, COMPLEX, WORDS, True), tuple)


def test_the_worst_password_is_judged_in_bounded_time() -> None:
    """Whole, it takes the estimate seconds."""
    begun = time.process_time()
    broken_rules(("4@8({[<369|1!+0$5%2" * 10)[:128], DEFAULT, WORDS, True)
    assert time.process_time() - begun < 2


def test_two_estimates_at_once_do_not_mix_their_words() -> None:
    """zxcvbn keeps the words of its user in a table of its module."""
    found: list[bool] = []

    def judge(word: str) -> None:
        for _ in range(20):
            found.append(any("a name" in one for one in broken_rules(f"{word}{word}xx", DEFAULT, [word], True)))

    threads = [threading.Thread(target=judge, args=(word,)) for word in ("zorblax", "quibfen", "mirthok")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [True] * 60


def test_breached_passwords_are_looked_up_offline(tmp_path: Path) -> None:
    path = tmp_path / "breached"
    lines = [
        b"violet kettle marching\n",
        b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:42\r\n",
        b"\n",
        "cafe\u0301\n".encode(),
    ]
    assert build(lines, path, 10) == 3
    known = BreachedPasswords.open(path)
    assert all(one in known for one in ("violet kettle marching", "password", "caf\u00e9", "cafe\u0301"))
    assert "violet kettle sailing" not in known
    assert "stolen elsewhere" in "; ".join(broken_rules("violet kettle marching", DEFAULT, WORDS, True, known))
    assert b"kettle" not in path.read_bytes()


@pytest.mark.parametrize(
    ("octets", "reason"),
    [(None, "No such file"), (b"", "no file of breached"), (b"x" * 200, "no file of breached")],
)
def test_a_breach_file_that_is_none_is_no_empty_one(tmp_path: Path, octets: bytes | None, reason: str) -> None:
    path = tmp_path / "breached"
    if octets is not None:
        path.write_bytes(octets)
    with pytest.raises(BreachFileUnusable, match=reason):
        Passwords.load(PasswordSettings(breached=path))


@settings(max_examples=20, deadline=None)
@given(at=st.integers(0, 10_000), cut=st.booleans())
def test_a_damaged_breach_file_is_refused(tmp_path_factory: pytest.TempPathFactory, at: int, cut: bool) -> None:
    path = tmp_path_factory.mktemp("breach") / "breached"
    build([b"password"], path, 10)
    octets = bytearray(path.read_bytes())
    at %= len(octets)
    if cut:
        del octets[at:]
    else:
        octets[at] ^= 1
    path.write_bytes(octets)
    with pytest.raises(BreachFileUnusable):
        BreachedPasswords.open(path)


@pytest.mark.parametrize(("lines", "expected"), [([b"a", b"b", b"c"], 1), ([], 5), ([b"a"], 0), ([b"a"], 10**12)])
def test_a_list_that_does_not_fit_writes_nothing(tmp_path: Path, lines: list[bytes], expected: int) -> None:
    with pytest.raises(BreachFileUnusable):
        build(lines, tmp_path / "breached", expected)
    assert list(tmp_path.iterdir()) == []


async def test_passwords_are_kept_as_argon2id_of_rfc_9106() -> None:
    hashing = PasswordHashing()
    hashed = await hashing.hash(PASSWORD)
    assert extract_parameters(hashed) == RFC_9106_LOW_MEMORY
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert (await hashing.verify(hashed, PASSWORD)).is_right


async def test_two_keyboards_type_the_same_password() -> None:
    hashing = PasswordHashing(CHEAP)
    assert (await hashing.verify(await hashing.hash("caf\u00e9 violet"), "cafe\u0301 violet")).is_right


@pytest.mark.parametrize("wrong", ["", "x", PASSWORD + " ", PASSWORD.upper(), "\ud800", PASSWORD * 20_000])
async def test_a_wrong_password_is_wrong(wrong: str) -> None:
    hashing = PasswordHashing(CHEAP)
    assert not (await hashing.verify(await hashing.hash(PASSWORD), wrong)).is_right
    assert not (await hashing.verify(None, wrong)).is_right


async def test_a_password_of_128_characters_is_not_cut() -> None:
    hashing = PasswordHashing(CHEAP)
    hashed = await hashing.hash("x" * 128)
    assert (await hashing.verify(hashed, "x" * 128)).is_right
    assert not (await hashing.verify(hashed, "x" * 129)).is_right


class Counting(PasswordHashing):
    """Counts how many verifications run at once, and what they compare."""

    def __init__(self) -> None:
        super().__init__(CHEAP)
        self.running = self.most = 0
        self.compared: list[str] = []
        self._lock = threading.Lock()
        self._all_in = threading.Barrier(AT_ONCE)

    def _fits(self, hashed: str, password: str) -> bool:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
            self.compared.append(hashed)
        self._all_in.wait(30)  # two do run at once, and a third would be counted
        fits = super()._fits(hashed, password)
        with self._lock:
            self.running -= 1
        return fits


async def test_at_most_two_hashes_are_made_at_a_time_outside_the_event_loop() -> None:
    hashing = Counting()
    await asyncio.gather(*(hashing.verify(None, "x") for _ in range(8)))
    assert hashing.most == 2
    assert len(hashing.compared) == 8


async def test_a_name_without_an_account_costs_a_hash_too(small_school: School) -> None:
    await small_school.with_password("alice")
    await small_school.account("without-password")
    seen: list[str] = []
    hashing = small_school.passwords.hashing
    fits = hashing._fits
    hashing._fits = lambda hashed, password: seen.append(hashed[:30]) or fits(hashed, password)  # type: ignore[method-assign,func-returns-value]
    for name in ("alice", "nobody", "without-password"):
        with pytest.raises(SignInRefused) as found:
            await small_school.sign_in(name, "wrong")
        assert "the name, the password or the code" in str(found.value)
    assert len(seen) == 3
    assert len({one.rpartition("$")[0] for one in seen}) == 1, "the parameters are the same"


async def test_a_hash_with_older_parameters_is_made_anew_at_the_next_sign_in(school: School) -> None:
    alice = await school.with_password("alice")
    school.signing._rules = Passwords(PasswordHashing(RFC_9106_LOW_MEMORY), DEFAULT)
    await school.sign_in("alice")
    async with school.store.reading() as connection:
        hashed = await passwords.hash_of(connection, alice.id)
    assert hashed is not None
    assert extract_parameters(hashed) == RFC_9106_LOW_MEMORY
    await school.sign_in("alice")


async def _change(school: School, session: sessions.Session, old: str, new: str) -> None:
    await passwords.change_own(school.passwords, school.guard, school.store, session, old, new, school.now)


async def test_a_change_needs_the_old_password_and_ends_other_sessions(school: School) -> None:
    alice = await school.with_password("alice")
    mine, other = await school.session(alice), await school.session(alice)
    with pytest.raises(SignInRefused):
        await _change(school, mine.session, "wrong", "copper ladder blinking nine")
    with pytest.raises(PasswordRefused, match="the old one"):
        await _change(school, mine.session, PASSWORD, PASSWORD)
    with pytest.raises(PasswordRefused, match="characters"):
        await _change(school, mine.session, PASSWORD, "short")
    await sessions.check(school.store, other.token, school.now)
    await _change(school, mine.session, PASSWORD, "copper ladder blinking nine")
    await sessions.check(school.store, mine.token, school.now)
    with pytest.raises(SessionEnded, match="password"):
        await sessions.check(school.store, other.token, school.now)
    await school.sign_in("alice", "copper ladder blinking nine")
    with pytest.raises(SignInRefused):
        await school.sign_in("alice")


async def test_a_change_needs_a_fresh_factor_where_there_is_one(school: School) -> None:
    alice = await school.with_password("alice", Role.head)
    await school.enrolled(alice)
    old = (await school.session(alice, factor_us=school.now - 5 * MINUTE - 1)).session
    with pytest.raises(FactorRefused, match="too long ago"):
        await _change(school, old, PASSWORD, "copper ladder blinking nine")
    fresh = (await school.session(alice, factor_us=school.now)).session
    await _change(school, fresh, PASSWORD, "copper ladder blinking nine")


async def test_the_old_password_cannot_be_guessed_from_a_session(small_school: School) -> None:
    alice = await small_school.with_password("alice")
    session = (await small_school.session(alice)).session
    compared = 0
    for _ in range(30):
        with pytest.raises(SignInRefused) as found:
            await _change(small_school, session, "wrong", "copper ladder blinking nine")
        compared += not found.value.retry_after_us
    assert compared == 5


async def test_a_role_that_needs_a_factor_lets_the_shorter_password_do(small_school: School) -> None:
    teacher, head = (
        await small_school.account("teacher", Role.teacher),
        await small_school.account("zorblax", Role.head),
    )
    chosen = "kR7#vq!9zLpW"
    await passwords.prepare(small_school.passwords, small_school.store, head.id, chosen, small_school.now)
    with pytest.raises(PasswordRefused, match="15 or more"):
        await passwords.prepare(small_school.passwords, small_school.store, teacher.id, chosen, small_school.now)
    with pytest.raises(PasswordRefused, match="a name"):
        await passwords.prepare(small_school.passwords, small_school.store, head.id, "zorblax20261", small_school.now)
