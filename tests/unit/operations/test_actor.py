"""Who did it: the account, the person behind it, and nothing that a person can make up with $USER."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from schoolgate.cli.commands import local_user as person
from schoolgate.cli.commands.local_user import who

ACCOUNT = pwd.getpwuid(os.getuid()).pw_name
OTHER = next(one for one in pwd.getpwall() if one.pw_name != ACCOUNT)


@pytest.fixture
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernel's file, here for the test to write."""
    for name in ("SUDO_USER", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(person, "LOGIN_UID", tmp_path / "loginuid")
    return tmp_path / "loginuid"


def test_the_environment_names_nobody(login: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "the-head")
    assert who() == ACCOUNT


def test_sudo_and_the_kernel_name_the_person_and_the_kernel_is_right(
    login: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "alice")
    assert who() == f"alice as {ACCOUNT}"
    login.write_text("4294967295")
    assert who() == f"alice as {ACCOUNT}"
    login.write_text(str(OTHER.pw_uid))
    assert who() == f"{OTHER.pw_name} as {ACCOUNT}"
    login.write_text(str(os.getuid()))
    assert who() == ACCOUNT


def test_a_number_without_a_name_is_told_as_one(login: Path) -> None:
    login.write_text("54321")
    assert who() == f"user 54321 as {ACCOUNT}"
