"""Governors and the IT provider read registers, decisions and evidence by posts; the head and the lead read names."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.unit.operations.signed_in import School, opened

from schoolgate.accounts.roles import Role
from schoolgate.evidence.pack_pdf import pdf_of
from schoolgate.evidence.pack_shelf import PackNamesStaff
from schoolgate.operations.staff_names import UNNAMED, StaffNames

NAMES = ("Beatrix", "Cornelius", "Dorothea", "Ephraim")
SEE_NAMES = (Role.head, Role.trust_director, Role.safeguarding_lead, Role.network_manager, Role.data_protection_officer)
SEE_POSTS = (Role.governor, Role.provider)
POLICY = """
format = 1
allowed_clients = ["192.0.2.0/24"]
strictest = "pupils"
[policies.pupils.categories]
games = "deny"
gambling = "deny"
[segments.pupils]
prefixes = ["192.0.2.0/24"]
policy = "pupils"
"""


@pytest_asyncio.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    """One in which staff stand by name wherever a name can stand."""
    async with opened(tmp_path) as one:
        manager = await one.signed_in("beatrix", Role.network_manager)
        await one.call(manager, "policy.apply", text=POLICY, reason="the first")
        head = await one.signed_in("helen", Role.head)
        post = {"post": "safeguarding_lead", "duties": "Looks", "person": "Cornelius Day", "deputy": "Dorothea Ash"}
        await one.call(head, "register.add", kind="responsibility", fields=post)
        risk = {"risk": "Guests", "likelihood": 2, "impact": 3, "controls": "Rules", "owner": "Ephraim Moss",
                "review_on": "2027-01-31"}  # fmt: skip
        await one.call(head, "register.add", kind="risk", fields=risk)
        await one.call(head, "register.add", kind="risk", fields=risk | {"risk": "Staff", "owner": "Head"})
        paths = [row.path for row in (await one.call(head, "register.decisions")).rows]
        for path, owner in zip(paths, ("Cornelius Day", "Head"), strict=False):
            wanted = {"paths": [path], "reason": "safe", "owner": owner, "review_on": "2027-01-01"}
            await one.call(head, "register.decide", **wanted)
        yield one


async def everything(school: School, token: str, role: Role) -> str:
    """All that a role reads of registers, decisions, revisions and the audit log, as text."""
    found: list[Any] = [
        await school.call(token, "register.decisions"),
        await school.call(token, "policy.revisions"),
        *[await school.call(token, name, kind=kind)
          for name in ("register.list", "register.export") for kind in ("responsibility", "risk", "decision")],
        await school.call(token, "audit.log"),
    ]  # fmt: skip
    if role is not Role.governor and role is not Role.data_protection_officer:
        found += [await school.call(token, name) for name in ("policy.categories", "exceptions.list")]
    return str(found)


@pytest.mark.parametrize("role", SEE_POSTS)
async def test_who_sees_no_identities_reads_posts_and_roles(school: School, role: Role) -> None:
    token = await school.signed_in("grace", role)
    found = await everything(school, token, role)
    assert not [one for one in NAMES if one.casefold() in found.casefold()]
    owners = {one.owner for one in (await school.call(token, "register.decisions")).rows}
    assert {"Designated safeguarding lead", "Head"} <= {one.capitalize() for one in owners}
    assert {one.who for one in await school.call(token, "policy.revisions")} == {"network manager"}
    risks = (await school.call(token, "register.list", kind="risk")).lines
    assert [one.fields["owner"].capitalize() for one in risks] == ["Head", UNNAMED.capitalize()]


@pytest.mark.parametrize("role", SEE_NAMES)
async def test_leaders_read_names(school: School, role: Role) -> None:
    found = await everything(school, await school.signed_in("ada", role), role)
    assert {one for one in NAMES if one.casefold() in found.casefold()} == set(NAMES)


async def test_a_pack_is_kept_with_names_for_leaders_and_with_posts_for_governors(school: School) -> None:
    head = await school.signed_in("heidi", Role.head)
    made = await school.call(head, "evidence.make")
    assert (made.pack.names_staff, made.posts.names_staff) == (True, False)
    named = orjson.loads(base64.b64decode((await school.call(head, "evidence.read", name=made.values.name)).octets))
    assert named["posts"]["found"][0]["who"] == "Cornelius Day / Dorothea Ash"
    for role in SEE_POSTS:
        token = await school.signed_in(f"reads-{role}", role)
        shelf = (await school.call(token, "evidence.list")).packs
        assert [one.name for one in shelf] == [made.posts.name]
        for name in (made.pack.name, made.values.name):
            with pytest.raises(PackNamesStaff):
                await school.call(token, "evidence.read", name=name)
        values = await school.call(token, "evidence.read", name=made.posts.name.replace(".pdf", ".json"))
        text = base64.b64decode(values.octets).decode()
        assert not [one for one in NAMES if one.casefold() in text.casefold()]
        pack = orjson.loads(text)
        assert pack["posts"]["found"][0]["who"] == "a person / a deputy"
        assert "Designated safeguarding lead" in {one["owner"] for one in pack["decisions"]["found"]["rows"]}
        pdf = await school.call(token, "evidence.read", name=made.posts.name)
        assert base64.b64decode(pdf.octets) == pdf_of(pack, school.clock.now()), "made of the values without names"


async def test_what_a_provider_makes_it_reads_without_names(school: School) -> None:
    provider = await school.signed_in("pat", Role.provider)
    made = await school.call(provider, "evidence.make")
    assert made.pack == made.posts
    await school.call(provider, "evidence.read", name=made.values.name)


def test_a_text_that_is_no_known_post_is_not_shown() -> None:
    names = StaffNames({"Ada  Byron": "head", "abyron": "head"}, ("IT", "Head of year"))
    assert [names.post_of(one) for one in ("ada byron", "account:abyron", "it", "Ada Byron and IT", "", "ada")] == [
        "head", "head", "IT", UNNAMED, "", UNNAMED,
    ]  # fmt: skip
