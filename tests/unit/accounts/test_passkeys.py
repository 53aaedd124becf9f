"""Passkeys: both ceremonies against a software authenticator, and what breaks them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from tests.unit.accounts.authenticator import Authenticator, b64
from tests.unit.accounts.school import ADDRESS, MINUTE, School

from schoolgate.accounts import account_state, passkeys
from schoolgate.accounts.account_list import Account
from schoolgate.accounts.errors import FactorRefused, SessionEnded, SignInRefused
from schoolgate.accounts.passkeys import NewPasskey, RelyingParty
from schoolgate.accounts.roles import Role
from schoolgate.accounts.sessions import Origin, Session, Stage
from schoolgate.accounts.signing_in import SignedIn
from schoolgate.storage.schema import passkey_challenge

PARTY = RelyingParty("console.school.example", "Oakfield School", ("https://console.school.example",))
HERE = Origin(ADDRESS, "Firefox")


async def _finish(school: School, session: Session, response: str, label: str = "laptop") -> NewPasskey:
    async with school.store.change() as change:
        return await passkeys.finish_registration(change, session, PARTY, response, label, now_us=school.now)


async def _registered(school: School, account: Account, device: Authenticator | None = None) -> Authenticator:
    device = device or Authenticator()
    session = (await school.session(account, factor_us=school.now)).session
    options = await passkeys.begin_registration(school.store, session, PARTY, school.now)
    await _finish(school, session, device.create(options))
    return device


async def _alone(school: School, device: Authenticator, **changed: Any) -> SignedIn:
    options = await passkeys.begin_sign_in(school.store, PARTY, school.now)
    return await school.signing.with_passkey_alone(PARTY, device.get(options, **changed), HERE, school.now)


async def test_a_passkey_signs_in_by_itself(school: School) -> None:
    head = await school.with_password("head", Role.head)
    device = await _registered(school, head)
    signed = await _alone(school, device)
    assert signed.session.is_full
    assert (signed.session.account_id, signed.session.method) == (head.id, "passkey")
    assert signed.session.is_fresh(school.now)
    (own,) = await passkeys.own_passkeys(school.store, head.id)
    assert (own.label, own.used_us) == ("laptop", school.now)


async def test_a_passkey_is_a_second_factor_and_a_step_up(school: School) -> None:
    device = await _registered(school, await school.with_password("head", Role.head))
    device.verifies = False  # the password was the first factor
    first = await school.sign_in("head")
    options = await passkeys.begin_sign_in(school.store, PARTY, school.now, first.session)
    assert json.loads(options)["allowCredentials"][0]["id"] == b64(device.credential_id)
    full = await school.signing.with_passkey(first.opened.token, PARTY, device.get(options), school.now)
    assert full.session.is_full
    school.now += 10 * MINUTE
    options = await passkeys.begin_sign_in(school.store, PARTY, school.now, full.session)
    stepped = await school.signing.with_passkey(full.opened.token, PARTY, device.get(options), school.now)
    assert stepped.session.is_fresh(school.now)


async def test_a_first_passkey_completes_a_required_enrolment_with_recovery_codes(school: School) -> None:
    await school.with_password("head", Role.head)
    thief, first = await school.sign_in("head"), await school.sign_in("head")
    options = await passkeys.begin_registration(school.store, first.session, PARTY, school.now)
    made = await _finish(school, first.session, Authenticator().create(options))
    assert len(made.recovery_codes) == 10
    assert made.recovery_codes[0] not in repr(made)
    assert (await school.signing.after_enrolment(first.opened.token, school.now)).session.is_full
    with pytest.raises(SessionEnded):
        await school.signing.after_enrolment(thief.opened.token, school.now)


@pytest.mark.parametrize(
    "attack",
    [
        {"origin": "https://console.school.example.evil.example"},
        {"origin": "http://console.school.example"},
        {"changed": {"rp_id": "evil.example"}},
        {"changed": {"key": ec.generate_private_key(ec.SECP256R1())}},
        {"changed": {"challenge": b64(bytes(64))}},
        {"verifies": False},
        {"count": 0},
        {"credential_id": b"another"},
    ],
    ids=["origin", "scheme", "domain", "key", "challenge", "unverified", "copied", "unknown"],
)
async def test_a_signature_of_another_origin_key_challenge_or_copy_is_refused(
    small_school: School, attack: dict[str, Any]
) -> None:
    device = await _registered(small_school, await small_school.with_password("head", Role.head))
    await _alone(small_school, device)
    attack = dict(attack)
    changed = attack.pop("changed", {})
    for name, value in attack.items():
        setattr(device, name, value)
    with pytest.raises(SignInRefused):
        await _alone(small_school, device, **changed)
    assert (await small_school.entries("account.sign_in"))[0]["outcome"] == "failed"


async def test_a_response_is_used_once_also_at_the_same_moment(school: School) -> None:
    device = await _registered(school, await school.with_password("head", Role.head))
    response = device.get(await passkeys.begin_sign_in(school.store, PARTY, school.now))
    done = await asyncio.gather(
        *(school.signing.with_passkey_alone(PARTY, response, HERE, school.now) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in done) == ["SignInRefused", "SignedIn"]


async def test_a_challenge_is_for_one_purpose_one_account_and_five_minutes(school: School) -> None:
    head, other = await school.with_password("head", Role.head), await school.with_password("other", Role.head)
    device, others = await _registered(school, head), await _registered(school, other)
    first = await school.sign_in("head")

    async def options(session: Session | None = None) -> str:
        return await passkeys.begin_sign_in(school.store, PARTY, school.now, session)

    for wrong in (
        others.get(await options(first.session)),
        device.get(await options()),
        device.get(await options((await school.sign_in("other")).session)),
    ):
        with pytest.raises(SignInRefused):
            await school.signing.with_passkey(first.opened.token, PARTY, wrong, school.now)
    fresh = (await school.session(head, factor_us=school.now)).session
    asked = json.loads(await passkeys.begin_registration(school.store, fresh, PARTY, school.now))
    other_sign_in = await school.sign_in("head")
    to_register = device.get(await options(other_sign_in.session), challenge=asked["challenge"])
    with pytest.raises(SignInRefused):
        await school.signing.with_passkey(other_sign_in.opened.token, PARTY, to_register, school.now)
    late = device.get(await options(first.session))
    begun, school.now = school.now, school.now + 5 * MINUTE
    with pytest.raises(SignInRefused):
        await school.signing.with_passkey(first.opened.token, PARTY, late, school.now)
    assert (await school.signing.with_passkey(first.opened.token, PARTY, late, begun + 5 * MINUTE - 1)).session.is_full


async def test_a_disabled_account_does_not_sign_in_by_passkey(small_school: School) -> None:
    head = await small_school.with_password("head", Role.head)
    device = await _registered(small_school, head)
    async with small_school.store.change() as change:
        await account_state.disable(change, head.id, actor="local:root", now_us=small_school.now)
    with pytest.raises(SignInRefused):
        await _alone(small_school, device)


async def test_a_password_that_must_be_changed_is_changed_after_a_passkey_too(small_school: School) -> None:
    head = await small_school.with_password("head", Role.head)
    device = await _registered(small_school, head)
    async with small_school.store.change() as change:
        await account_state.compromise(change, head.id, actor="local:root", now_us=small_school.now)
    assert (await _alone(small_school, device)).session.stage is Stage.change


async def test_a_source_has_a_bucket_for_passkeys_too(small_school: School) -> None:
    refused = []
    for _ in range(31):
        with pytest.raises(SignInRefused) as found:
            await small_school.signing.with_passkey_alone(PARTY, "{}", HERE, small_school.now)
        refused.append(found.value.retry_after_us > 0)
    assert refused == [False] * 30 + [True]


async def test_a_registration_is_finished_once_by_its_own_session(school: School) -> None:
    head, other = await school.account("head"), await school.account("other")
    mine, theirs = (await school.session(head)).session, (await school.session(other)).session
    device = Authenticator()
    response = device.create(await passkeys.begin_registration(school.store, mine, PARTY, school.now))
    with pytest.raises(FactorRefused, match="not begun"):
        await _finish(school, theirs, response)
    await _finish(school, mine, response)
    fresh = (await school.session(head, factor_us=school.now)).session
    with pytest.raises(FactorRefused, match="not begun"):
        await _finish(school, fresh, response)
    again = device.create(await passkeys.begin_registration(school.store, fresh, PARTY, school.now))
    with pytest.raises(FactorRefused, match="already"):
        await _finish(school, fresh, again)


@pytest.mark.parametrize("attack", [{"origin": "https://evil.example"}, {"rp_id": "evil.example"}], ids=str)
async def test_a_registration_for_another_site_is_refused(small_school: School, attack: dict[str, str]) -> None:
    session = (await small_school.session(await small_school.account("head"))).session
    device = Authenticator(**{key: value for key, value in attack.items() if key == "origin"})
    options = await passkeys.begin_registration(small_school.store, session, PARTY, small_school.now)
    with pytest.raises(FactorRefused, match="not registered"):
        await _finish(small_school, session, device.create(options, **attack))


async def test_the_last_factor_that_a_role_needs_stays(school: School) -> None:
    head = await school.account("head", Role.head)
    await _registered(school, head)
    await _registered(school, head)
    first, second = await passkeys.own_passkeys(school.store, head.id)
    session = (await school.session(head, factor_us=school.now)).session
    async with school.store.change() as change:
        await passkeys.remove(change, session, first.id, now_us=school.now)
    for one, reason in ((first, "no such"), (second, "last second factor")):
        with pytest.raises(FactorRefused, match=reason):
            async with school.store.change() as change:
                await passkeys.remove(change, session, one.id, now_us=school.now)
    assert [one.id for one in await passkeys.own_passkeys(school.store, head.id)] == [second.id]


async def test_ceremonies_that_never_end_are_bounded(small_school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passkeys, "MOST_CHALLENGES", 10)
    monkeypatch.setattr(passkeys, "REMOVED_AT_ONCE", 3)
    for _ in range(30):
        await passkeys.begin_sign_in(small_school.store, PARTY, small_school.now)
    async with small_school.store.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(passkey_challenge))).scalar_one() <= 10


anything: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "rawId", "type", "response", "clientDataJSON", "authenticatorData", "signature"]),
            inner,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    change=st.dictionaries(st.sampled_from(["id", "rawId", "type", "response"]), anything, max_size=2), inner=anything
)
async def test_any_response_is_a_refusal_and_no_defect(small_school: School, change: Any, inner: Any) -> None:
    device = Authenticator()
    options = await passkeys.begin_sign_in(small_school.store, PARTY, small_school.now)
    response = json.loads(device.get(options)) | change
    if isinstance(inner, dict) and isinstance(response["response"], dict):
        response["response"] |= inner
    for text in (json.dumps(response), json.dumps(inner), str(inner)):
        small_school.now += MINUTE
        with pytest.raises(SignInRefused):
            async with small_school.store.change() as made:
                await passkeys.accept(made, PARTY, text, small_school.now)
