"""What holds a backup in the clear is tidied after a SIGKILL, and never while it is in use."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from schoolgate.backup.private_folder import private_folder

PATIENT_S = 60.0
# Holds a folder, starts a server in it that holds its own lock, says so, and waits to be killed.
HOLDER = """
import subprocess, sys
from pathlib import Path
from schoolgate.backup.private_folder import private_folder
with private_folder("schoolgate-x-", Path(sys.argv[1])) as folder:
    (folder / "state").mkdir()
    server = "import signal, sys; from pathlib import Path; from schoolgate.storage.state_dir import held"
    server += "\\nwith held(Path(sys.argv[1])): print('held', flush=True); signal.pause()"
    child = subprocess.Popen([sys.executable, "-c", server, str(folder / "state")], stdout=subprocess.PIPE)
    child.stdout.readline()
    print(child.pid, flush=True)
    sys.stdin.read()
"""


def test_a_folder_of_a_killed_process_is_removed_with_its_server(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    with holder.stdout, holder.stdin:
        server = int(holder.stdout.readline())
        (held,) = tmp_path.iterdir()
        with private_folder("schoolgate-x-", tmp_path):
            assert held.exists(), "in use"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        descriptor = os.pidfd_open(server)
        with private_folder("schoolgate-x-", tmp_path) as mine:
            assert list(tmp_path.iterdir()) == [mine]
        ended, _, _ = select.select([descriptor], [], [], PATIENT_S)
        os.close(descriptor)
        assert ended, "its server goes on"
    assert list(tmp_path.iterdir()) == []


def test_directories_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "schoolgate-x-mine").mkdir()
    (tmp_path / "other").mkdir()
    with private_folder("schoolgate-x-", tmp_path):
        pass
    assert sorted(one.name for one in tmp_path.iterdir()) == ["other", "schoolgate-x-mine"]
