"""Every kind of target: takes a backup whole, lists it, gives it back, and says by its name what it refuses."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.backup.backed_up import ACTOR, NOW, School
from tests.unit.backup.bucket import BUCKET, Bucket
from tests.unit.backup.secure_shell import SecureShell, needs_sshd

from schoolgate.backup import s3_target, sftp_target
from schoolgate.backup.creating import create
from schoolgate.backup.errors import NotRemoved, TargetUnusable
from schoolgate.backup.folder_target import FolderTarget
from schoolgate.backup.listing import fetched, listed
from schoolgate.backup.made_record import read_record
from schoolgate.backup.medium_target import MARK, MediumTarget, mark
from schoolgate.backup.stored import Stored, Target, is_backup, moment_in, name_of
from schoolgate.backup.targets import target_named, targets_of
from schoolgate.config import ConfigInvalid, parse
from schoolgate.storage import audit_operations
from schoolgate.storage.audit_operations import Place

NAME = name_of("0123456789abcdef", NOW)
OCTETS = bytes(range(256)) * 40
DAY = dt.timedelta(days=1)


def target(text: str, folder: Path) -> Target:
    settings = parse(f"[backup.targets.one]\n{text}\n", "test", folder=folder)
    (found,) = targets_of(settings)
    return found


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket() as one:
        yield one


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureShell]:
    with SecureShell(tmp_path_factory.mktemp("ssh")) as one:
        yield one


def s3(bucket: Bucket, folder: Path, more: str = "") -> Target:
    secret = folder / "s3-key"
    secret.write_text("KEYID SECRET\n", encoding="ascii")
    secret.chmod(0o600)
    place = f'endpoint = "http://127.0.0.1:{bucket.port}"\nbucket = "{BUCKET}"\n'
    return target(f'kind = "s3"\n{place}credentials_file = "s3-key"\n{more}', folder)


def sftp(ssh: SecureShell, folder: Path, more: str = "") -> Target:
    text = (
        f'kind = "sftp"\nhost = "127.0.0.1"\nport = {ssh.port}\nuser = "{ssh.user}"\npath = "{ssh.there}"\n'
        f'key_file = "{ssh.key}"\nknown_hosts_file = "{ssh.known_hosts}"\n'
    )
    for line in more.splitlines():
        text = re.sub(rf"^{line.split(' ')[0]} = .*$", lambda _, line=line: line, text, flags=re.MULTILINE)
    return target(text, folder)


@pytest.fixture(params=["folder", "medium", "s3", pytest.param("sftp", marks=needs_sshd)])
def any_target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    """An empty one of each kind."""
    if request.param == "s3":
        return s3(request.getfixturevalue("bucket"), tmp_path, 'path = "school-a/"')
    if request.param == "sftp":
        ssh: SecureShell = request.getfixturevalue("ssh")
        for one in ssh.there.iterdir():
            one.unlink()
        return sftp(ssh, tmp_path)
    (tmp_path / "disk").mkdir()
    if request.param == "medium":
        mark(tmp_path / "disk", "blue")
    return target(f'kind = "{request.param}"\nfolder = "disk"', tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(OCTETS)
    return path


def test_a_backup_is_put_listed_given_back_and_removed(any_target: Target, file: Path, tmp_path: Path) -> None:
    placed = any_target.put(file, NAME)
    assert placed.target == "one"
    assert any_target.listing() == (Stored(NAME, len(OCTETS)),)
    any_target.fetch(NAME, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == OCTETS
    any_target.remove(NAME)
    any_target.remove(NAME)
    assert any_target.listing() == ()


def test_no_backup_is_replaced(any_target: Target, file: Path, tmp_path: Path) -> None:
    any_target.put(file, NAME)
    other = tmp_path / "other"
    other.write_bytes(b"other")
    with pytest.raises(TargetUnusable, match="is there already"):
        any_target.put(other, NAME)
    assert any_target.listing() == (Stored(NAME, len(OCTETS)),)


def test_what_is_not_there_is_said(any_target: Target, tmp_path: Path) -> None:
    with pytest.raises(TargetUnusable, match="target one"):
        any_target.fetch(NAME, tmp_path / "back")


def test_a_name_says_when_it_was_made() -> None:
    assert moment_in(NAME) == NOW
    assert name_of(None, NOW).startswith("schoolgate-00000000-")
    assert not any(
        map(is_backup, ("", "x", f"{NAME}.partial", f"../{NAME}", "schoolgate-00000000-20261399T000000Z.tar.age"))
    )


@pytest.mark.parametrize("kind", ["folder", pytest.param("sftp", marks=needs_sshd)])
def test_what_another_school_is_writing_in_the_same_place_stays(
    kind: str, file: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    there = tmp_path / "disk"
    if kind == "sftp":
        ssh: SecureShell = request.getfixturevalue("ssh")
        there, one = ssh.there, sftp(ssh, tmp_path)
    else:
        there.mkdir()
        one = target('kind = "folder"\nfolder = "disk"', tmp_path)
    ours, others = (f".{name_of(of, NOW - DAY)}.partial" for of in ("01234567" * 4, "f" * 32))
    for name in (ours, others):
        (there / name).write_bytes(b"half")
    one.put(file, NAME)
    assert {path.name for path in there.iterdir()} == {NAME, others}
    for path in there.iterdir():
        path.unlink()


# -- S3 -----------------------------------------------------------------------------------------------------------


def test_a_large_backup_goes_in_parts_and_replaces_none(
    bucket: Bucket, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_target, "MOST_AT_ONCE_OCTETS", 100)
    monkeypatch.setattr(s3_target, "PART_OCTETS", 5 * 1024 * 1024)
    octets = bytes(11 * 1024 * 1024)
    file.write_bytes(octets)
    one = s3(bucket, tmp_path)
    one.put(file, NAME)
    assert bucket.objects == {NAME: octets}
    assert sum("partNumber" in path for _, path in bucket.asked) == 3
    with pytest.raises(TargetUnusable, match="is there already"):
        one.put(file, NAME)
    assert bucket.unsigned == 0


def test_object_lock_is_recorded_and_what_is_locked_is_not_removed(bucket: Bucket, file: Path, tmp_path: Path) -> None:
    one = s3(bucket, tmp_path, "object_lock = true")
    assert one.put(file, NAME).is_locked
    bucket.is_locked = True
    with pytest.raises(NotRemoved):
        one.remove(NAME)
    assert NAME in bucket.objects


def test_a_store_that_refuses_names_no_secret(bucket: Bucket, file: Path, tmp_path: Path) -> None:
    bucket.refuses_all = True
    with pytest.raises(TargetUnusable, match="the key is refused") as error:
        s3(bucket, tmp_path).put(file, NAME)
    assert "SECRET" not in str(error.value)
    assert "KEYID" not in str(error.value)


def test_a_store_that_is_full_or_cuts_is_said(
    bucket: Bucket, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_target, "MOST_RETRIES", 0)
    one = s3(bucket, tmp_path)
    bucket.is_full = True
    with pytest.raises(TargetUnusable, match="target one"):
        one.put(file, NAME)
    bucket.is_full, bucket.cuts = False, True
    with pytest.raises(TargetUnusable, match="5120 octets there instead of 10240"):
        one.put(file, NAME)


def test_a_store_that_is_away_is_said(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_target, "MOST_RETRIES", 0)
    with Bucket() as gone:
        one = s3(gone, tmp_path)
    with pytest.raises(TargetUnusable, match="target one"):
        one.listing()


@pytest.mark.parametrize(("octets", "mode"), [(b"KEYID SECRET", 0o644), (b"ONE", 0o600), (b"", 0o600)])
def test_credentials_that_others_can_read_or_that_are_none_are_refused(
    octets: bytes, mode: int, bucket: Bucket, tmp_path: Path
) -> None:
    one = s3(bucket, tmp_path)
    (tmp_path / "s3-key").write_bytes(octets)
    (tmp_path / "s3-key").chmod(mode)
    with pytest.raises(TargetUnusable, match="target one"):
        one.listing()
    assert bucket.asked == []


# -- SFTP ---------------------------------------------------------------------------------------------------------


@needs_sshd
def test_another_host_key_is_not_trusted(ssh: SecureShell, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "known_hosts"
    public = ssh.key.with_suffix(".pub").read_text(encoding="ascii")
    other.write_text(f"[127.0.0.1]:{ssh.port} {public}", encoding="ascii")
    with pytest.raises(TargetUnusable, match="its host key is not the one in"):
        sftp(ssh, tmp_path, f'known_hosts_file = "{other}"').put(file, NAME)


@needs_sshd
def test_another_user_key_is_refused_and_a_directory_that_is_not_there_is_said(
    ssh: SecureShell, file: Path, tmp_path: Path
) -> None:
    with pytest.raises(TargetUnusable, match="the key is refused"):
        sftp(ssh, tmp_path, f'key_file = "{ssh.host_key}"').put(file, NAME)
    with pytest.raises(TargetUnusable, match="No such file"):
        sftp(ssh, tmp_path, f'path = "{ssh.folder}/none"').listing()
    with pytest.raises(TargetUnusable, match="no private key"):
        sftp(ssh, tmp_path, f'key_file = "{_private(file)}"').listing()


def _private(file: Path) -> Path:
    file.chmod(0o600)
    return file


@needs_sshd
def test_what_a_killed_process_left_there_is_tidied(ssh: SecureShell, file: Path, tmp_path: Path) -> None:
    (ssh.there / f".{name_of('01234567' * 4, NOW - DAY)}.partial").write_bytes(b"half")
    sftp(ssh, tmp_path).put(file, NAME)
    assert [one.name for one in ssh.there.iterdir()] == [NAME]
    (ssh.there / NAME).unlink()


@needs_sshd
def test_another_machine_that_falls_silent_is_given_up(
    ssh: SecureShell, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[int] = []

    def silent(name: str) -> str:
        stopped.extend(ssh.stop_sessions())
        return name

    monkeypatch.setitem(sftp_target._ALIVE, "keepalive_interval", 0.05)
    one = sftp(ssh, tmp_path)
    monkeypatch.setattr(one, "_path", silent)
    try:
        with pytest.raises(TargetUnusable, match="target one"):
            one.fetch(NAME, tmp_path / "back")
    finally:
        for process in stopped:
            os.kill(process, signal.SIGCONT)
    assert stopped


# -- media --------------------------------------------------------------------------------------------------------


def test_a_mount_point_without_a_medium_takes_nothing(file: Path, tmp_path: Path) -> None:
    (tmp_path / "usb").mkdir()
    with pytest.raises(TargetUnusable, match="no medium is in"):
        MediumTarget("usb", tmp_path / "usb").put(file, NAME)
    assert list((tmp_path / "usb").iterdir()) == []
    (tmp_path / "usb" / MARK).write_bytes(b"{}")
    with pytest.raises(TargetUnusable, match="damaged"):
        MediumTarget("usb", tmp_path / "usb").put(file, NAME)


def test_a_swapped_medium_is_recorded_and_its_backups_stay_listed(school: School, tmp_path: Path) -> None:
    usb = tmp_path / "usb"
    names = {}
    with school.config.open("a", encoding="utf-8") as config:
        config.write(f'[backup.targets.usb]\nkind = "medium"\nfolder = "{usb}"\n')
    for day, label in enumerate(("blue", "red")):
        (tmp_path / label).mkdir()
        names[label] = mark(tmp_path / label, label)
        (tmp_path / label).rename(usb)
        create(school.settings, school.config, [target_named(school.settings, "usb")], actor=ACTOR, now=NOW + DAY * day)
        usb.rename(tmp_path / label)
    assert [one.placed[0].medium for one in read_record(school.state).made] == [names["blue"], names["red"]]
    newest = [one.fields for one in asyncio.run(audit_operations.log(Place.in_folder(school.state), 0, most=2))]
    (change,) = [one["detail"] for one in newest if one["operation"] == "backup.medium_changed"]
    assert change == {"after": names["red"], "before": names["blue"], "target": "usb"}
    found = listed(school.settings)
    assert [one.where for one in found.backups] == [f"usb (medium {names['red']})", f"usb (medium {names['blue']})"]
    assert "usb" in found.failed


def test_a_medium_is_marked_once(tmp_path: Path) -> None:
    name = mark(tmp_path, "blue")
    assert re.fullmatch(r"blue-[0-9a-f]{4}", name)
    for folder, label, said in (
        (tmp_path, "red", f"marked already, as {name}"),
        (tmp_path / "none", "red", "mount the medium first"),
        (tmp_path, "Not A Label", "lower-case"),
    ):
        with pytest.raises(TargetUnusable, match=re.escape(said)):
            mark(folder, label)


# -- settings and lists -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        'kind = "folder"',
        'kind = "s3"\nendpoint = "https://s3.example.net"',
        'kind = "s3"\nendpoint = "http://s3.example.net"\nbucket = "b"',
        'kind = "s3"\nendpoint = "ftp://s3.example.net"\nbucket = "b"',
        'kind = "s3"\nendpoint = "https://user@s3.example.net"\nbucket = "b"',
        'kind = "sftp"\nhost = "nas.example.net"\nuser = "u"\npath = "/b"',
        'kind = "sftp"\nhost = "-oProxyCommand=x"\nuser = "u"\npath = "/b"\nknown_hosts_file = "k"',
        'kind = "tape"',
    ],
)
def test_a_target_that_lacks_something_is_refused_by_its_path(text: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"backup\.targets\.one"):
        parse(f"[backup.targets.one]\n{text}\n", "test")


@pytest.mark.parametrize("key", ["age1short", "AGE-SECRET-KEY-1XXXX", "ssh-ed25519 AAAA"])
def test_what_is_no_public_key_is_refused_and_a_secret_one_is_not_shown(key: str) -> None:
    with pytest.raises(ConfigInvalid) as error:
        parse(f'[backup]\nrecipients = ["{key}"]\n', "test")
    assert "AGE-SECRET" not in str(error.value)


def test_a_backup_is_fetched_from_the_target_that_has_it(school: School) -> None:
    name = school.create().made.name
    with fetched(school.settings, name, None) as file:
        assert file.read_bytes() == school.backups()[0].read_bytes()
    assert not file.exists()
    for wanted, said in ((name_of(None, NOW), "none of the targets"), ("nonsense", "no name of a backup")):
        with pytest.raises(TargetUnusable, match=said), fetched(school.settings, wanted, None):
            pass
    with pytest.raises(TargetUnusable, match="disk"), fetched(school.settings, name, "disc"):
        pass


def test_a_folder_that_cannot_be_removed_from_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(error: int) -> Callable[..., None]:
        def unlink(self: Path, missing_ok: bool = False) -> None:
            raise OSError(error, "no", str(self))

        return unlink

    for error in (1, 13, 30):  # EPERM (chattr +i), EACCES, EROFS
        monkeypatch.setattr(Path, "unlink", refuse(error))
        with pytest.raises(NotRemoved):
            FolderTarget("nas", tmp_path).remove(NAME)
