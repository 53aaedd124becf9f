"""A backup holds what cannot be made again, and brings it back on a machine that has nothing of the old one."""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
import os
import shlex
import shutil
import socket
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.backup.backed_up import ACTOR, FILES, INSTALLATION, LEFT_OUT, LOG, NOW, OLD, School, alerts_in, content
from tests.unit.storage.opened import sql

from schoolgate.backup import audit_part, identities, putting_in_place, recipients
from schoolgate.backup.contents import RESTORED_FILES
from schoolgate.backup.creating import create
from schoolgate.backup.errors import (
    BackupBusy,
    BackupFailed,
    BackupProblem,
    IdentityUnusable,
    NoRecipient,
    RestoreRefused,
)
from schoolgate.backup.files_elsewhere import install_commands
from schoolgate.backup.folder_target import FolderTarget
from schoolgate.backup.key_making import adopt
from schoolgate.backup.made_record import alone, read_record
from schoolgate.policy.revisions import RevisionStore
from schoolgate.storage import audit_operations
from schoolgate.storage.audit_operations import Place
from schoolgate.storage.state_dir import AlreadyRunning, held


def test_everything_comes_back_on_a_machine_without_the_old_one(school: School, tmp_path: Path) -> None:
    school.create()
    before = content(school.state)
    (backup,) = school.backups()
    moved = backup.rename(tmp_path / backup.name)
    shutil.rmtree(school.state)
    new = tmp_path / "new" / "state"
    done = school.restore(moved, new)
    found = content(new)
    assert {name: found[name] for name in FILES} == FILES
    assert not {*LOG, *LEFT_OUT} & found.keys()
    assert found["audit.key"] == before["audit.key"]
    assert alerts_in(new) == [(42,)]
    assert RevisionStore(new / "policy.db").verify() == 1
    assert (done.manifest.installation, done.problems) == (INSTALLATION, ())
    assert {stat.S_IMODE(one.stat().st_mode) & 0o027 for one in (new, *new.rglob("*"))} == {0}
    assert sorted(one.name for one in new.parent.iterdir()) == ["state"]


def test_the_query_log_is_in_it_when_it_is_asked_for(school: School, tmp_path: Path) -> None:
    assert school.create(has_query_log=True).made.has_query_log
    done = school.restore(school.backups()[0], tmp_path / "new")
    assert {name: content(tmp_path / "new").get(name) for name in LOG} == LOG
    assert done.manifest.has_query_log


def test_settings_and_files_they_name_are_there_to_be_copied_to_their_places(school: School, tmp_path: Path) -> None:
    school.create()
    done = school.restore(school.backups()[0], tmp_path / "new")
    assert done.elsewhere is not None
    restored = done.elsewhere / school.folder.relative_to("/")
    assert (restored / "schoolgate.toml").read_bytes() == school.config.read_bytes()
    assert (restored / "own-list.txt").read_text(encoding="ascii") == "games.example.net\n"
    assert not (restored / "disk").exists(), "no backup holds backups"


def test_each_file_that_belongs_elsewhere_has_a_command_that_a_shell_reads_as_it_is(
    school: School, tmp_path: Path
) -> None:
    for name, mode in (("a 'list'; x", 0o644), ("secret", 0o600)):
        (school.folder / name).touch()
        (school.folder / name).chmod(mode)
    (school.folder / "own-list.txt").chmod(0o644)
    school.config.chmod(0o600)
    with school.config.open("a", encoding="utf-8") as config:
        config.write(
            f'[[lists.extra]]\npath = "a \'list\'; x"\ncategory = "games"\n'
            f'[backup.targets.nas]\nkind = "folder"\nfolder = "{school.disk}"\nkey_file = "secret"\n'
        )
    school.create()
    done = school.restore(school.backups()[0], tmp_path / "new")
    assert done.elsewhere is not None
    found = {line[-1]: line[:-2] for line in map(shlex.split, install_commands(done.elsewhere, done.manifest))}
    shared, private = (
        ["install", "-D", "-m", mode, "-o", owner, "-g", "schoolgate"]
        for mode, owner in (("0640", "root"), ("0600", "schoolgate"))
    )
    at = str(school.folder)
    assert found == {
        f"{at}/schoolgate.toml": shared,
        f"{at}/own-list.txt": shared,
        f"{at}/a 'list'; x": shared,
        f"{at}/secret": private,
    }


def test_a_file_that_cannot_be_read_is_named_and_stops_nothing(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def refusing(self: Path, *arguments: object, **more: object) -> object:
        if self.name == "own-list.txt":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *arguments, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refusing)
    (problem,) = school.create().problems
    assert "own-list.txt: Permission denied; it is not in the backup" in problem


def test_what_is_left_out_because_it_is_no_plain_file_or_missing_is_said(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(school.state / "log", tmp_path / "log")
    (school.state / "log").symlink_to(tmp_path / "log")
    (school.state / "lists" / "current").symlink_to("7.snapshot")
    os.mkfifo(school.state / "pipe")
    (school.folder / "own-list.txt").unlink()
    with closing(socket.socket(socket.AF_UNIX)) as control:
        monkeypatch.chdir(school.state)  # the path of a socket is short
        control.bind("control.sock")
        problems = school.create().problems
    assert sorted(problems) == sorted(
        f"{path}: {why}; it is not in the backup"
        for path, why in (
            (school.state / "log", "is a symbolic link"),
            (school.state / "pipe", "is neither a file nor a directory"),
            (school.folder / "own-list.txt", "No such file or directory"),
        )
    )


def test_a_directory_or_socket_that_is_not_there_is_no_file_that_is_missing(school: School) -> None:
    (school.folder / "own-list.txt").unlink()
    os.mkfifo(school.folder / "own-list.txt")
    text = school.config.read_text(encoding="utf-8")
    school.config.write_text(
        text.replace("[server]\n", f'[server]\ncontrol_socket = "{school.folder}/none/control.sock"\n')
        + '[backup.targets.usb]\nkind = "medium"\nfolder = "/mnt/none"\n[reports]\ndir = "/mnt/none/reports"\n',
        encoding="utf-8",
    )
    (problem,) = school.create().problems
    assert problem == f"{school.folder}/own-list.txt: is no file; it is not in the backup"


def test_a_pinned_snapshot_comes_back_as_the_current_one(school: School, tmp_path: Path) -> None:
    (school.state / "lists" / "pinned.json").write_text("{}", encoding="ascii")
    (school.state / "lists" / "current").symlink_to("7.snapshot")
    school.create()
    school.restore(school.backups()[0], tmp_path / "new")
    assert (tmp_path / "new" / "lists" / "current").read_bytes() == LEFT_OUT["lists/7.snapshot"]


def test_where_feeds_were_never_recorded_no_stored_list_is_needed(school: School) -> None:
    whole = school.create().made.octets
    (school.state / "lists" / "store" / OLD).write_bytes(bytes(500_000))
    assert school.create(NOW + dt.timedelta(days=1)).made.octets < whole + 100_000


def test_a_database_is_copied_while_it_is_written(school: School, tmp_path: Path) -> None:
    with closing(sqlite3.connect(school.state / "monitor" / "alerts.db")) as writer:
        writer.execute("INSERT INTO alerts VALUES (43)")  # not committed
        school.create()
        writer.rollback()
    school.restore(school.backups()[0], tmp_path / "new")
    assert alerts_in(tmp_path / "new") == [(42,)]


def test_a_restore_begins_an_epoch_that_embeds_the_old_head(school: School, tmp_path: Path) -> None:
    school.create()
    done = school.restore(school.backups()[0], tmp_path / "new")
    assert done.epoch == 2
    head = done.manifest.audit
    assert head is not None
    assert head.checkpoint is not None
    (newest,) = asyncio.run(audit_operations.log(Place.in_folder(tmp_path / "new"), 0, most=1))
    assert newest.fields["operation"] == "audit.new_epoch"
    assert newest.fields["detail"]["previous"] == {"epoch": 1, "root": head.root, "size": head.size}
    found = audit_part.verify(tmp_path / "new", 0, [head.checkpoint])
    assert (found.problems, found.epochs, found.anchors) == ((), 2, 1)


def test_entries_that_a_later_checkpoint_proves_are_put_on_record_as_lost(school: School, tmp_path: Path) -> None:
    school.create()
    later = asyncio.run(audit_operations.checkpoint(Place.in_folder(school.state), ACTOR, 0)).note
    school.restore(school.backups()[0], tmp_path / "new", lost=later)
    found = audit_part.verify(tmp_path / "new", 0, [later])
    assert found.problems == ()
    assert any("lost" in one for one in found.notices)


def test_a_lost_audit_key_is_said_when_a_backup_is_made_and_replaced_when_it_is_restored(
    school: School, tmp_path: Path
) -> None:
    school.create()
    (school.state / "audit.key").unlink()
    (problem,) = school.create(NOW + dt.timedelta(days=1)).problems
    assert "the key of the audit log is missing" in problem
    done = school.restore(school.backups()[1], tmp_path / "new")
    assert any("was not in the backup" in one for one in done.problems)
    assert asyncio.run(audit_operations.checkpoint(Place.in_folder(tmp_path / "new"), ACTOR, 0)).note


def test_what_was_done_is_in_the_audit_log(school: School) -> None:
    made = school.create().made
    newest = asyncio.run(audit_operations.log(Place.in_folder(school.state), 0, most=1))[0].fields
    assert (newest["operation"], newest["actor"], newest["outcome"]) == ("backup.create", ACTOR, "done")
    assert newest["detail"]["sha256"] == made.sha256


def test_a_directory_in_use_is_replaced_only_when_that_is_said_and_is_kept_aside(
    school: School, tmp_path: Path
) -> None:
    school.create()
    place = tmp_path / "here" / "state"
    place.mkdir(parents=True)
    (place / "policy.db").write_bytes(b"other")
    with pytest.raises(RestoreRefused, match="not empty"):
        school.restore(school.backups()[0], place)
    assert content(tmp_path / "here") == {} and (place / "policy.db").read_bytes() == b"other"
    done = school.restore(school.backups()[0], place, is_replacing=True)
    assert done.moved_aside == tmp_path / "here" / "state.before-restore-20261123T023000Z"
    assert (done.moved_aside / "policy.db").read_bytes() == b"other"
    assert RevisionStore(place / "policy.db").verify() == 1
    assert sorted(one.name for one in place.parent.iterdir()) == ["state", done.moved_aside.name]


def test_a_backup_that_cannot_be_put_in_place_is_not_left_beside(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    school.create()
    place = tmp_path / "here" / "state"
    place.mkdir(parents=True)
    (place / "policy.db").write_bytes(b"other")

    def refused(new: Path, old: Path) -> None:
        raise OSError(errno.EIO, "Input/output error", str(old))

    monkeypatch.setattr(putting_in_place, "_exchange", refused)
    with pytest.raises(RestoreRefused, match="not put in place"):
        school.restore(school.backups()[0], place, is_replacing=True)
    assert [one.name for one in place.parent.iterdir()] == ["state"]
    assert (place / "policy.db").read_bytes() == b"other"


def test_a_directory_that_was_made_and_never_used_counts_as_empty(school: School, tmp_path: Path) -> None:
    school.create()
    place = tmp_path / "here" / "state"
    place.mkdir(parents=True)
    (place / "lock").touch()
    done = school.restore(school.backups()[0], place)
    assert (done.moved_aside, [one.name for one in place.parent.iterdir()]) == (None, ["state"])


def test_where_the_directory_cannot_be_renamed_its_content_is(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    school.create()
    place = tmp_path / "mount"
    place.mkdir()
    (place / "policy.db").write_bytes(b"other")
    monkeypatch.setattr(Path, "is_mount", lambda self: self == place)
    inode = place.stat().st_ino
    done = school.restore(school.backups()[0], place, is_replacing=True)
    assert (place.stat().st_ino, done.moved_aside) == (inode, place / "before-restore-20261123T023000Z")
    assert (done.moved_aside / "policy.db").read_bytes() == b"other"
    assert RevisionStore(place / "policy.db").verify() == 1
    assert not list(place.glob(".restore-*"))
    again = School(tmp_path / "again")
    shutil.copytree(place, again.state)
    shutil.copyfile(school.identity, again.identity)
    again.create()
    again.restore(again.backups()[0], tmp_path / "new")
    assert not list((tmp_path / "new").glob("before-restore-*")), "what was moved aside is in no backup"


def test_a_running_service_is_not_replaced(school: School, tmp_path: Path) -> None:
    school.create()
    before = content(school.state)
    with held(school.state), pytest.raises(AlreadyRunning):
        school.restore(school.backups()[0], school.state, is_replacing=True)
    assert {**content(school.state), "lock": b""} == {**before, "lock": b""}


def test_without_a_key_or_a_target_there_is_no_backup(school: School) -> None:
    with pytest.raises(BackupFailed, match="there is no target"):
        create(school.settings, school.config, [], actor=ACTOR, now=NOW)
    (school.state / recipients.RECIPIENTS).unlink()
    with pytest.raises(NoRecipient, match="schoolgate backup key"):
        school.create()
    assert school.backups() == []
    assert read_record(school.state).failure is not None


def test_two_at_once_are_refused(school: School) -> None:
    with alone(school.state), pytest.raises(BackupBusy):
        school.create()


def test_a_target_that_fails_stops_no_other(school: School, tmp_path: Path) -> None:
    gone = FolderTarget("usb", tmp_path / "not-mounted")
    done = create(school.settings, school.config, [gone, school.target()], actor=ACTOR, now=NOW)
    assert "is the disk or share mounted?" in done.made.failed["usb"]
    assert [one.target for one in done.made.placed] == ["disk"]
    assert not gone.folder.exists()
    with pytest.raises(BackupFailed, match="mounted"):
        create(school.settings, school.config, [gone], actor=ACTOR, now=NOW + dt.timedelta(days=1))


def test_a_damaged_database_makes_no_backup_and_is_named(school: School) -> None:
    path = school.state / "monitor" / "alerts.db"
    octets = bytearray(path.read_bytes())
    octets[4096:] = bytes(len(octets) - 4096)
    octets[100:120] = b"\xff" * 20
    path.write_bytes(octets)
    with pytest.raises(BackupFailed, match=r"alerts\.db: the database is damaged"):
        school.create()
    assert school.backups() == []


def test_a_key_by_passphrase_opens_a_backup_and_a_wrong_one_does_not(school: School, tmp_path: Path) -> None:
    key = identities.make_key("correct horse", NOW)
    adopt(school.state, key, actor=ACTOR, now=NOW, is_replacing=True)
    assert recipients.kept_recipients(school.state) == (key.recipient,)
    school.identity.unlink()
    identities.write_identity(school.identity, key, school.state)
    assert b"AGE-SECRET-KEY" not in school.identity.read_bytes()
    with pytest.raises(IdentityUnusable, match="wrong passphrase"):
        identities.read_identities(school.identity, lambda: "wrong")
    (found,) = identities.read_identities(school.identity, lambda: "correct horse")
    assert str(found.to_public()) == key.recipient


def test_a_secret_key_goes_into_no_state_directory_and_replaces_no_file(school: School) -> None:
    key = identities.make_key(None, NOW)
    with pytest.raises(IdentityUnusable, match="lost with it"):
        identities.write_identity(school.state / "key.txt", key, school.state)
    with pytest.raises(IdentityUnusable, match="not replaced"):
        identities.write_identity(school.config, key, school.state)
    assert not any(b"AGE-SECRET-KEY" in octets for octets in content(school.state).values())


@pytest.mark.parametrize("octets", [b"", b"# nothing\n", b"AGE-SECRET-KEY-1NONSENSE\n", b"\xff\xfe", b"age1public"])
def test_a_file_that_is_no_key_is_named_and_not_quoted(octets: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key.txt"
    path.write_bytes(octets)
    with pytest.raises(IdentityUnusable) as error:
        identities.read_identities(path, lambda: "")
    assert "NONSENSE" not in str(error.value)


def test_an_older_store_is_migrated_by_the_restore_and_a_locked_one_is_copied(school: School, tmp_path: Path) -> None:
    with closing(sqlite3.connect(school.state / "control.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM audit_head").fetchall()
        school.create()
    sql(school.state / "control.db", "UPDATE installation SET created_us = 1")
    done = school.restore(school.backups()[0], tmp_path / "new")
    assert done.problems == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("is_mount", [False, True])
def test_what_root_restores_belongs_to_the_user_of_the_directory(
    is_mount: bool, school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    school.create()
    place = tmp_path / "here" / "state"
    place.mkdir(parents=True)
    os.chown(place, 1, 1)
    monkeypatch.setattr(Path, "is_mount", lambda self: is_mount and self == place)
    school.restore(school.backups()[0], place)
    aside = [place / RESTORED_FILES, *(place / RESTORED_FILES).rglob("*")]
    assert {one.lstat().st_uid for one in {place, *place.rglob("*")}.difference(aside)} == {1}
    assert {one.lstat().st_uid for one in aside} == {0}, "settings and secrets stay root's until they are in place"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("is_mount", [False, True])
def test_a_restore_as_root_that_fails_leaves_the_lock_to_the_user_of_the_directory(
    is_mount: bool, school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "here" / "state"
    place.mkdir(parents=True)
    os.chown(place, 1, 1)
    monkeypatch.setattr(Path, "is_mount", lambda self: is_mount and self == place)
    with pytest.raises(BackupProblem):
        school.restore(b"no backup", place)
    assert [(one.name, one.stat().st_uid, one.stat().st_gid) for one in place.iterdir()] == [("lock", 1, 1)]
