"""Who did it: the account, the person behind it, and nothing that a person can make up with $USER."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from schoolgate.operations import actor
from schoolgate.operations.actor import user_name

ACCOUNT = pwd.getpwuid(os.getuid()).pw_name
OTHER = next(one for one in pwd.getpwall() if one.pw_name != ACCOUNT)


@pytest.fixture
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernel's file, here for the test to write."""
    for name in ("SUDO_USER", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(actor, "PROCESSES", tmp_path)
    (tmp_path / "self").mkdir()
    return tmp_path / "self" / "loginuid"


def test_the_environment_names_nobody(login: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "the-head")
    assert user_name() == ACCOUNT


def test_sudo_and_the_kernel_name_the_person_and_the_kernel_is_right(
    login: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "alice")
    assert user_name() == f"alice as {ACCOUNT}"
    login.write_text("4294967295")
    assert user_name() == f"alice as {ACCOUNT}"
    login.write_text(str(OTHER.pw_uid))
    assert user_name() == f"{OTHER.pw_name} as {ACCOUNT}"
    login.write_text(str(os.getuid()))
    assert user_name() == ACCOUNT


def test_a_number_without_a_name_is_told_as_one(login: Path) -> None:
    login.write_text("54321")
    assert user_name() == f"user 54321 as {ACCOUNT}"
