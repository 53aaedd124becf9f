"""`account ...` and `setup token` from outside: what they print, change and refuse."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pyotp
import pytest
from argon2 import Parameters, Type
from typer.testing import CliRunner, Result

from schoolgate.accounts import account_list, api_tokens, first_run, grants, reset_links
from schoolgate.accounts.account_settings import PasswordSettings
from schoolgate.accounts.errors import AccountRefused, SignInRefused, TokenRefused
from schoolgate.accounts.grants import GrantState
from schoolgate.accounts.password_hashing import PasswordHashing
from schoolgate.accounts.passwords import Passwords
from schoolgate.accounts.roles import Role
from schoolgate.cli.application import app
from schoolgate.operations import asking
from schoolgate.operations.errors import NotPermitted
from schoolgate.storage.store import Store

PASSWORDS = Passwords(PasswordHashing(Parameters(Type.ID, 19, 16, 32, 1, 8, 1)), PasswordSettings())
PASSWORD = "violet kettle marching seven"


class School:
    """A state directory. Commands run in this process, which is faster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.config = folder / "schoolgate.toml"
        self.write("")

    def write(self, more: str) -> None:
        head = f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{self.state}"\n'
        self.config.write_text(head + more, encoding="utf-8")

    def run(self, *arguments: str, given: str = "") -> Result:
        """`given`: what is typed."""
        given_to = [*arguments, "--config", str(self.config)]
        return CliRunner().invoke(app, given_to, input=given, env={"COLUMNS": "200"})

    def done(self, *arguments: str) -> str:
        ran = self.run(*arguments)
        assert ran.exit_code == 0, ran.exception
        return ran.stdout

    def refused(self, *arguments: str) -> Exception:
        ran = self.run(*arguments)
        assert ran.exit_code == 1
        assert isinstance(ran.exception, Exception)
        return ran.exception

    def accounts(self) -> dict[str, dict[str, Any]]:
        return {one["login"]: one for one in json.loads(self.done("account", "list", "--json"))}

    def use(self, act: Any) -> Any:
        """Calls the library with the open store, as the console will."""

        async def called() -> Any:
            async with await Store.open(self.state / "control.db", now_us=now_us()) as store:
                return await act(store)

        return asyncio.run(called())

    def first_head(self) -> Any:
        self.done("setup", "token")
        token = (self.state / "setup-token").read_text()
        return self.use(
            lambda store: first_run.make_first_account(
                store, PASSWORDS, token, "margaret", "Margaret Quill", PASSWORD, Role.head, now_us=now_us()
            )
        )


def now_us() -> int:
    return time.time_ns() // 1000


@pytest.fixture
def school(tmp_path: Path) -> School:
    return School(tmp_path)


def test_a_setup_token_lies_in_a_file_for_its_owner_alone_and_is_not_printed(school: School) -> None:
    said = school.done("setup", "token")
    path = Path(said.strip())
    assert path == school.state / "setup-token"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().strip() not in said
    school.first_head()
    assert school.accounts()["margaret"]["grants"][0]["role"] == "head"
    assert isinstance(school.refused("setup", "token"), AccountRefused)


def test_an_account_is_made_with_a_token_by_which_its_person_chooses_a_password(school: School) -> None:
    token = school.done("account", "create", "asmith", "--display-name", "Alice Smith").strip()
    holder = school.use(lambda store: reset_links.use(store, PASSWORDS, token, PASSWORD, now_us()))
    assert holder.login == "asmith"
    again = school.done("account", "reset", "ASMITH").strip()
    assert again != token
    with pytest.raises(TokenRefused):
        school.use(lambda store: reset_links.look(store, token, now_us()))
    assert isinstance(school.refused("account", "create", "asmith", "--display-name", "x"), AccountRefused)
    assert "asmith" in str(school.refused("account", "disable", "asmiht"))


def test_the_command_line_requests_an_approving_role_and_cannot_approve_it(school: School) -> None:
    school.done("account", "create", "asmith", "--display-name", "Alice Smith")
    assert "head (requested)" in school.done("account", "role", "asmith", "head")
    assert "teacher in school:north" in school.done("account", "role", "asmith", "teacher", "--scope", "school:north")
    held = {(one["role"], one["state"], one["scope"]) for one in school.accounts()["asmith"]["grants"]}
    assert held == {("head", "requested", "trust"), ("teacher", "active", "school:north")}
    assert "(requested)" in school.done("account", "list")
    assert "approve" not in school.run("account", "--help").stdout.replace("Approving needs the console", "")
    assert "ended" in school.done("account", "role", "asmith", "teacher", "--scope", "school:north", "--end")
    assert "has no role" in str(school.refused("account", "role", "asmith", "teacher", "--end"))
    assert school.run("account", "role", "asmith", "emperor").exit_code == 2
    assert "no scope" in str(school.refused("account", "role", "asmith", "teacher", "--scope", "planet"))


def test_disabling_and_enabling_say_what_went_with_it(school: School) -> None:
    school.done("account", "create", "asmith", "--display-name", "Alice Smith")
    secret = school.done("account", "token", "make", "asmith", "--label", "a script", "--scope", "log.search").strip()
    found = school.use(lambda store: api_tokens.check(store, secret, now_us(), "log.search"))
    (listed,) = json.loads(school.done("account", "token", "list", "asmith", "--json"))
    assert (listed["id"], listed["label"]) == (str(found.id), "a script")
    assert secret not in school.done("account", "token", "list", "asmith")
    assert "1 tokens revoked" in school.done("account", "disable", "asmith")
    with pytest.raises(TokenRefused):
        school.use(lambda store: api_tokens.check(store, secret, now_us(), "log.search"))
    assert school.done("account", "enable", "asmith") == "asmith: enabled\n"
    school.done("account", "compromised", "asmith")
    assert school.accounts()["asmith"]["must_change_password"]
    assert isinstance(school.refused("account", "token", "revoke", "asmith", str(found.id)), TokenRefused)


def test_the_factor_of_an_approver_is_reset_by_request(school: School) -> None:
    school.first_head()
    school.done("account", "create", "asmith", "--display-name", "Alice Smith")
    assert "was removed" in school.done("account", "reset", "asmith", "--factor")
    assert "two other people" in school.done("account", "reset", "margaret", "--factor")


def test_sessions_and_reviews_are_listed(school: School) -> None:
    school.done("account", "create", "asmith", "--display-name", "Alice Smith")
    school.done("account", "role", "asmith", "teacher")
    assert "Begun" in school.done("account", "sessions", "asmith")
    assert json.loads(school.done("account", "sessions", "asmith", "--json")) == []
    assert school.done("account", "sessions", "asmith", "--end") == "asmith: 0 sessions ended\n"
    (one,) = json.loads(school.done("account", "review", "--json"))
    assert (one["login"], one["role"], one["is_due"]) == ("asmith", "teacher", False)
    assert school.done("account", "review", "--confirm", one["id"]) == "confirmed: teacher\n"
    assert "teacher" in school.done("account", "review")


def test_who_did_it_is_in_the_audit_log(school: School) -> None:
    school.done("account", "create", "asmith", "--display-name", "Alice Smith")
    with closing(sqlite3.connect(school.state / "control.db")) as connection:
        entries = [json.loads(one) for (one,) in connection.execute("SELECT entry FROM audit_entry ORDER BY number")]
    assert [one["operation"] for one in entries] == ["account.created", "account.reset_link_made"]
    assert all(one["actor"].startswith("uid:") for one in entries)
    assert "asmith" not in str(entries)


def test_users_of_a_machine_without_the_role_keep_no_accounts(school: School) -> None:
    school.write('[operations]\nlocal_roles = ["data_protection_officer"]\n')
    assert isinstance(school.refused("account", "create", "asmith", "--display-name", "Alice"), NotPermitted)
    assert isinstance(school.refused("setup", "token"), NotPermitted)
    assert not (school.state / "setup-token").exists()


def signed_up(school: School, login: str) -> str:
    """Signs in and sets an authenticator app up; its secret."""

    def nothing(_: object) -> None: ...

    begun = asking.ask(school.config, "session.begin", nothing, as_session="", login=login, password=PASSWORD)
    start = asking.ask(school.config, "session.enrol_totp_start", nothing, as_session=begun.token)
    code = pyotp.TOTP(start.secret).now()
    asking.ask(school.config, "session.enrol_totp", nothing, as_session=begun.token, code=code)
    return str(start.secret)


def second_approver(school: School) -> None:
    """Written beside the operations: who approves is asked for by a request."""

    async def make(store: Store) -> None:
        async with store.change() as change:
            made = await account_list.create(change, "dora", "Dora", actor="uid:0", now_us=now_us())
            role = Role.safeguarding_lead
            await grants.insert(change, made.id, role, "trust", GrantState.active, actor="uid:1", now_us=now_us())

    school.use(make)


def test_a_head_signs_in_at_the_command_line_to_make_the_sealed_code(school: School) -> None:
    school.first_head()
    login = "margaret"
    secret = signed_up(school, login)
    # The app's next code: the one before was used to set it up.
    code = pyotp.TOTP(secret).at(int(time.time()) + 30)
    second_approver(school)
    arguments = ("account", "seal-break-glass", login)
    assert isinstance(school.run(*arguments, given=f"a wrong password\n{code}\n").exception, SignInRefused)
    assert isinstance(school.run(*arguments, given=f"{PASSWORD}\n000000\n").exception, SignInRefused)
    ran = school.run(*arguments, given=f"{PASSWORD}\n{code}\n")
    assert ran.exit_code == 0, ran.exception
    # What was typed stands before it.
    sealed = ran.stdout.split()[-1]
    assert PASSWORD not in ran.output
    opened = asking.ask(school.config, "session.break_glass", lambda _: None, as_session="", code=sealed)
    assert opened.step.stage == "full"
    assert "break-glass" in school.accounts()
    assert isinstance(school.run("account", "seal-break-glass", "dora", given="x\n").exception, SignInRefused)


def test_help_loads_no_database() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom schoolgate.cli.application import app\n"
        "assert CliRunner().invoke(app, ['account', '--help']).exit_code == 0\n"
        "sys.exit(bool({'sqlalchemy', 'argon2', 'webauthn', 'zxcvbn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
