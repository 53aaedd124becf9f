"""Makes or restores a backup again and again, each time killed one step later; prints how many steps there were.

`python -m tests.unit.backup.killed create|restore FOLDER`. Forks: the process itself has no thread.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.unit.backup.backed_up import FILES, INSTALLATION, School

from schoolgate.backup import putting_in_place
from schoolgate.policy.policy_files import PolicyFiles

# What changes the disk. The process dies before the nth of these.
STEPS: list[tuple[Any, str]] = [
    (os, "fsync"), (os, "link"), (os, "chown"), (os, "rename"), (os, "mkdir"), (Path, "replace"), (Path, "rename"),
    (Path, "unlink"), (Path, "mkdir"), (Path, "symlink_to"), (shutil, "copyfile"), (shutil, "copyfileobj"),
    (shutil, "rmtree"), (putting_in_place, "_is_swapped"), (putting_in_place, "sync_directory"),
]  # fmt: skip

# Unpacking makes nothing that a later step has not to put in place: its many steps are alike.
STEPS_AFTER_UNPACKING = [
    one for one in STEPS if one not in ((os, "fsync"), (os, "mkdir"), (Path, "mkdir"), (os, "chown"))
]


def killed_before(step: int, work: Callable[[], object], *, is_every_step: bool = True) -> bool:
    """Whether it was killed; False where it ended by itself."""
    child = os.fork()
    if child == 0:
        try:
            _fuse(step, STEPS if is_every_step else STEPS_AFTER_UNPACKING)
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, "it failed"
        return False
    assert os.WTERMSIG(status) == signal.SIGKILL
    return True


def _fuse(step: int, steps: list[tuple[Any, str]]) -> None:
    left = [step]

    def fused(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return real(*arguments, **more)

        return call

    for owner, name in steps:
        setattr(owner, name, fused(getattr(owner, name)))


def check_create(school: School) -> None:
    """Each backup that has its name is whole."""
    for number, backup in enumerate(school.backups()):
        school.restore(backup, school.folder / f"restored-{number}")
        shutil.rmtree(school.folder / f"restored-{number}")


def create(school: School) -> int:
    step = 0
    while killed_before(step, school.create):
        check_in_a_child(lambda: check_create(school))
        step += 1
        for one in school.backups():
            one.unlink()
    assert len(school.backups()) == 1
    assert [one.name for one in school.disk.iterdir()] == [school.backups()[0].name], "no half is left"
    assert not (school.state / "backup" / "work").exists()
    check_in_a_child(lambda: check_create(school))
    return step


def restore(school: School) -> int:
    check_in_a_child(school.create)
    (backup,) = school.backups()
    place, step = school.folder / "place" / "state", 0
    while True:
        shutil.rmtree(place.parent, ignore_errors=True)
        (place / "log").mkdir(parents=True)
        (place / "installation.json").write_bytes(b"old")
        if not killed_before(step, lambda: school.restore(backup, place, is_replacing=True), is_every_step=False):
            break
        if (place / "installation.json").read_bytes() != b"old":
            check_whole(place)
        for aside in place.parent.glob("state.before-restore-*"):
            assert (aside / "installation.json").read_bytes() == b"old", "the new one has the name of the old one"
        check_in_a_child(lambda: restore_again(school, backup))
        found = [one.read_bytes() for one in place.parent.glob("state*/installation.json")]
        assert b"old" in found, "what a restore tidies is never the old one"
        step += 1
    check_whole(place)
    return step


def restore_again(school: School, backup: Path) -> None:
    """Into another directory beside, which tidies what the killed one left."""
    again = school.folder / "place" / "again"
    school.restore(backup, again)
    shutil.rmtree(again)


def check_whole(place: Path) -> None:
    assert PolicyFiles(place).known_installation() == INSTALLATION
    for name, octets in FILES.items():
        assert (place / name).read_bytes() == octets


def check_in_a_child(work: Callable[[], object]) -> None:
    """So that no thread is left in the process that forks."""
    assert not killed_before(-1, work)


def main() -> None:
    what, folder = sys.argv[1:]
    school = School(Path(folder))
    check_in_a_child(school.fill)
    print({"create": create, "restore": restore}[what](school))


if __name__ == "__main__":
    main()
