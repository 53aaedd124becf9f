"""A sign-in from its first step to a full session, and what holds it up."""

from __future__ import annotations

import asyncio

import pyotp
import pytest
from tests.unit.accounts.school import ADDRESS, MINUTE, PASSWORD, SECOND, School

from schoolgate.accounts import account_list, account_state, guessing, passwords, sessions, signing_in, totp_factor
from schoolgate.accounts.account_list import actor_id
from schoolgate.accounts.errors import FactorRefused, SessionEnded, SignInRefused
from schoolgate.accounts.factor_key import FactorKey
from schoolgate.accounts.roles import NEEDS_SECOND_FACTOR, Role
from schoolgate.accounts.sessions import Origin, Stage
from schoolgate.audit.event import Outcome
from schoolgate.storage import audit_reading


async def _head(school: School) -> tuple[account_list.Account, pyotp.TOTP, tuple[str, ...]]:
    head = await school.with_password("head", Role.head)
    return head, *await school.enrolled(head)


async def test_password_and_code_make_a_full_session(school: School) -> None:
    head, app, _ = await _head(school)
    first = await school.sign_in("HEAD ")
    assert first.session.stage is Stage.factor
    assert first.device is None
    second = await school.signing.with_totp(first.opened.token, school.code(app), school.now)
    assert second.session.is_full
    assert (second.session.method, second.session.factor_us) == ("password+totp", school.now)
    assert second.device is not None
    with pytest.raises(SessionEnded, match="renewed"):
        await sessions.check(school.store, first.opened.token, school.now)
    async with school.store.reading() as connection:
        assert (await account_list.by_id(connection, head.id)).last_sign_in_us == school.now
    (entry,) = await audit_reading.newest(school.store, 1)
    assert (entry.fields["operation"], entry.fields["actor"]) == (signing_in.SIGNED_IN, actor_id(head.id))
    assert entry.fields["detail"]["is_new_device"]
    assert ADDRESS not in str(entry.fields)


@pytest.mark.parametrize("role", sorted(NEEDS_SECOND_FACTOR))
async def test_a_role_that_sees_persons_or_changes_policy_needs_a_factor(small_school: School, role: Role) -> None:
    await small_school.with_password("alice", role)
    first = await small_school.sign_in("alice")
    assert first.session.stage is Stage.enrol
    with pytest.raises(FactorRefused, match="no second factor is set up"):
        await small_school.signing.after_enrolment(first.opened.token, small_school.now)
    await small_school.enrol(first.session)
    done = await small_school.signing.after_enrolment(first.opened.token, small_school.now)
    assert done.session.is_full


@pytest.mark.parametrize("role", sorted(set(Role) - NEEDS_SECOND_FACTOR))
async def test_other_roles_sign_in_by_password_alone(small_school: School, role: Role) -> None:
    await small_school.with_password("alice", role)
    assert (await small_school.sign_in("alice")).session.is_full


async def test_of_two_who_wait_to_enrol_only_the_one_who_does_goes_on(school: School) -> None:
    """The other one may be a thief of the password."""
    await school.with_password("alice", Role.head)
    thief, alice = await school.sign_in("alice"), await school.sign_in("alice")
    await school.enrol(alice.session)
    with pytest.raises(SessionEnded, match="set up"):
        await school.signing.after_enrolment(thief.opened.token, school.now)
    await school.signing.after_enrolment(alice.opened.token, school.now)


async def test_a_code_is_accepted_once_also_at_the_same_moment(school: School) -> None:
    _, app, _ = await _head(school)
    first = [await school.sign_in("head") for _ in range(2)]
    done = await asyncio.gather(
        *(school.signing.with_totp(one.opened.token, school.code(app), school.now) for one in first),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in done) == ["SignInRefused", "SignedIn"]


@pytest.mark.parametrize(("steps", "fits"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_code_fits_one_step_either_side(small_school: School, steps: int, fits: bool) -> None:
    _, app, _ = await _head(small_school)
    small_school.now += 5 * MINUTE
    first = await small_school.sign_in("head")
    given = small_school.signing.with_totp(first.opened.token, small_school.code(app, steps), small_school.now)
    if fits:
        assert (await given).session.is_full
    else:
        with pytest.raises(SignInRefused):
            await given


async def test_an_older_code_is_not_accepted_after_a_later_one(small_school: School) -> None:
    _, app, _ = await _head(small_school)
    first = await small_school.sign_in("head")
    now, later = small_school.code(app), small_school.code(app, 1)
    signed = await small_school.signing.with_totp(first.opened.token, later, small_school.now)
    for code in (now, later):
        with pytest.raises(SignInRefused):
            await small_school.signing.with_totp(signed.opened.token, code, small_school.now)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\x00" * 6, "0" * 10_000])
async def test_what_is_no_code_is_refused(small_school: School, code: str) -> None:
    await _head(small_school)
    first = await small_school.sign_in("head")
    with pytest.raises(SignInRefused):
        await small_school.signing.with_totp(first.opened.token, code, small_school.now)


async def test_after_five_wrong_codes_the_sign_in_begins_anew(school: School) -> None:
    head, app, _ = await _head(school)
    first = await school.sign_in("head")
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await school.signing.with_totp(first.opened.token, school.code(app, 7), school.now)
    with pytest.raises(SessionEnded, match="too many"):
        await school.signing.with_totp(first.opened.token, school.code(app), school.now)
    with pytest.raises(SessionEnded, match="too many"):
        await school.signing.with_totp(first.opened.token, school.code(app), school.now)
    (entry,) = [one for one in await school.entries("account.sign_in") if one["outcome"] == Outcome.failed]
    assert entry["actor"] == actor_id(head.id)


async def _identified(school: School, account: account_list.Account) -> str:
    """The token of a sign-in that a provider vouched for: it counts no attempt."""
    done = await school.signing.with_identity(account.id, "oidc", Origin(ADDRESS), school.now, has_factor=False)
    return done.opened.token


async def test_an_account_has_ten_wrong_codes_in_five_minutes_over_all_sessions(school: School) -> None:
    head, app, codes = await _head(school)
    tokens = [await _identified(school, head) for _ in range(4)]
    wrong = school.code(app, 7)
    done = await asyncio.gather(
        *(school.signing.with_totp(token, wrong, school.now) for token in tokens for _ in range(4)),
        return_exceptions=True,
    )
    waits = [one.retry_after_us for one in done if isinstance(one, SignInRefused)]
    assert sorted(waits) == [0] * 10 + [5 * MINUTE] * 6
    token = await _identified(school, head)
    for _ in range(7):  # what waits is not counted, for the session neither
        with pytest.raises(SignInRefused) as found:
            await school.signing.with_totp(token, school.code(app), school.now)
        assert found.value.retry_after_us == 5 * MINUTE
    with pytest.raises(SignInRefused):
        await school.signing.with_recovery_code(token, codes[0], school.now + 5 * MINUTE - 1)
    school.now += 5 * MINUTE
    assert (await school.signing.with_totp(token, school.code(app), school.now)).session.is_full


async def test_right_codes_do_not_count_and_forgive_no_wrong_ones(small_school: School) -> None:
    head, app, codes = await _head(small_school)
    for code in codes[:6]:
        token = await _identified(small_school, head)
        await small_school.signing.with_recovery_code(token, code, small_school.now)
    for _ in range(2):
        token = await _identified(small_school, head)
        for _ in range(4):
            with pytest.raises(SignInRefused):
                await small_school.signing.with_totp(token, small_school.code(app, 7), small_school.now)
    done = await small_school.signing.with_totp(token, small_school.code(app), small_school.now)
    async with small_school.store.counting() as connection:
        await guessing.forgive(connection, head.id)  # as a reset link of the password does
    for wait in (0, 0, 5 * MINUTE):
        with pytest.raises(SignInRefused) as found:
            await small_school.signing.with_totp(done.opened.token, small_school.code(app, 7), small_school.now)
        assert found.value.retry_after_us == wait


async def test_wrong_codes_count_for_the_account_until_a_sign_in_is_complete(small_school: School) -> None:
    _, app, _ = await _head(small_school)
    for _ in range(5):
        await small_school.sign_in("head")
    with pytest.raises(SignInRefused) as found:
        await small_school.sign_in("head")
    small_school.now += found.value.retry_after_us
    last = await small_school.sign_in("head")
    await small_school.signing.with_totp(last.opened.token, small_school.code(app), small_school.now)
    assert (await small_school.sign_in("head")).session.stage is Stage.factor


async def test_ten_recovery_codes_each_work_once_however_they_are_typed(school: School) -> None:
    _, _, codes = await _head(school)
    assert len(set(codes)) == 10
    first = await school.sign_in("head")
    typed = f" {codes[3].upper().replace('-', ' ')}"
    done = await school.signing.with_recovery_code(first.opened.token, typed, school.now)
    assert done.session.method == "password+recovery_code"
    with pytest.raises(SignInRefused):
        await school.signing.with_recovery_code(done.opened.token, codes[3], school.now)
    await school.signing.with_recovery_code(done.opened.token, codes[4], school.now)


async def test_a_recovery_code_of_another_account_is_none(small_school: School) -> None:
    _, _, codes = await _head(small_school)
    other = await small_school.with_password("other", Role.head)
    await small_school.enrolled(other)
    first = await small_school.sign_in("other")
    with pytest.raises(SignInRefused):
        await small_school.signing.with_recovery_code(first.opened.token, codes[0], small_school.now)


async def test_a_step_up_makes_a_new_token_and_a_fresh_factor(school: School) -> None:
    _, app, _ = await _head(school)
    first = await school.sign_in("head")
    full = await school.signing.with_totp(first.opened.token, school.code(app), school.now)
    school.now += 10 * MINUTE
    old = await sessions.check(school.store, full.opened.token, school.now)
    assert not old.is_fresh(school.now)
    stepped = await school.signing.with_totp(full.opened.token, school.code(app), school.now)
    assert stepped.session.is_fresh(school.now)
    assert stepped.session.created_us == full.session.created_us
    with pytest.raises(SessionEnded):
        await sessions.check(school.store, full.opened.token, school.now)


async def test_a_disabled_account_does_not_sign_in_and_the_message_is_the_same(school: School) -> None:
    alice = await school.with_password("alice")
    async with school.store.change() as change:
        await account_state.disable(change, alice.id, actor="local:root", now_us=school.now)
    messages = set()
    for login, password in (("alice", PASSWORD), ("alice", "wrong"), ("unknown", PASSWORD)):
        with pytest.raises(SignInRefused) as found:
            await school.sign_in(login, password)
        messages.add((str(found.value), found.value.retry_after_us))
    assert len(messages) == 1


async def test_an_account_disabled_between_two_steps_goes_no_further(school: School) -> None:
    head, app, _ = await _head(school)
    first = await school.sign_in("head")
    async with school.store.change() as change:
        await account_state.disable(change, head.id, actor="local:root", now_us=school.now)
    with pytest.raises(SessionEnded):
        await school.signing.with_totp(first.opened.token, school.code(app), school.now)


async def test_a_password_that_must_be_changed_is_changed_before_anything_else(school: School) -> None:
    head, app, _ = await _head(school)
    async with school.store.change() as change:
        await account_state.compromise(change, head.id, actor=actor_id(head.id), now_us=school.now)
    first = await school.sign_in("head")
    second = await school.signing.with_totp(first.opened.token, school.code(app), school.now)
    assert second.session.stage is Stage.change
    with pytest.raises(SignInRefused):
        await school.signing.after_new_password(second.opened.token, school.now)
    with pytest.raises(FactorRefused):
        await school.signing.with_totp(second.opened.token, school.code(app), school.now)
    await passwords.change_own(
        school.passwords,
        school.guard,
        school.store,
        second.session,
        PASSWORD,
        "copper ladder blinking nine",
        school.now,
    )
    done = await school.signing.after_new_password(second.opened.token, school.now)
    assert done.session.is_full


async def test_only_a_complete_or_fresh_session_sets_up_a_factor(school: School) -> None:
    head, _, _ = await _head(school)
    first = await school.sign_in("head")
    old = (await school.session(head, factor_us=school.now - 6 * MINUTE)).session
    fresh = (await school.session(head, factor_us=school.now)).session
    for session, reason in ((first.session, "not complete"), (old, "too long ago"), (fresh, "already")):
        async with school.store.change() as change:
            with pytest.raises(FactorRefused, match=reason):
                await totp_factor.begin(change, session, school.key, now_us=school.now)
            change.is_signed = True


async def test_an_enrolment_shows_a_secret_an_address_and_a_qr_code_and_waits_for_a_code(school: School) -> None:
    alice = await school.with_password("alice")
    session = (await school.session(alice)).session
    async with school.store.change() as change:
        made = await totp_factor.begin(change, session, school.key, now_us=school.now, issuer="Oakfield")
    assert made.address.startswith("otpauth://totp/Oakfield:alice?secret=")
    assert made.svg.startswith("<svg ")
    assert "script" not in made.svg
    assert made.secret not in repr(made)
    async with school.store.change() as change:
        with pytest.raises(FactorRefused, match="does not fit"):
            await totp_factor.confirm(change, session, "000000", school.key, now_us=school.now)
        change.is_signed = True
    assert (await school.sign_in("alice")).session.is_full, "what is not confirmed is no factor"


async def test_a_totp_secret_does_not_open_with_another_key_or_account(small_school: School) -> None:
    head, other = await small_school.account("head"), await small_school.account("other")
    sealed = small_school.key.seal(b"secret", head.id)
    assert b"secret" not in sealed
    assert small_school.key.open(sealed, head.id) == b"secret"
    for key, account in ((FactorKey(b"x" * 32), head), (small_school.key, other)):
        with pytest.raises(Exception, match="does not open"):
            key.open(sealed, account.id)


async def test_a_second_is_a_second(small_school: School) -> None:
    """The steps of RFC 6238, appendix B, with its SHA-1 seed: 8 digits there, the last six here."""
    app = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    found = [app.generate_otp(at * SECOND // totp_factor.STEP_US) for at in (59, 1111111109, 20000000000)]
    assert found == ["287082", "081804", "353130"]
