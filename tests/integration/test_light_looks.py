"""What a screen asks for each time it is opened is quick: it loads no database, no query engine and no HTTP client."""

from __future__ import annotations

import subprocess
import sys

from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import PATIENT_S, PUPIL

LOOKS = {
    "status.show": {}, "status.home": {}, "segments.list": {}, "schedules.show": {}, "policy.categories": {},
    "exceptions.list": {}, "services.list": {}, "lists.show": {}, "feeds.list": {}, "feeds.recommended": {},
    "sealed.show": {}, "explain.name": {"name": "gambling.blocked.example.com", "client": PUPIL},
}  # fmt: skip
# Each takes from a tenth to half a second to load, and tens of MiB.
HEAVY = ("aiohttp", "alembic", "duckdb", "sqlalchemy")
PROGRAM = """
import sys
from pathlib import Path
from schoolgate.operations import asking
for name, arguments in {looks!r}.items():
    asking.ask(Path(sys.argv[1]), name, lambda _: None, **arguments)
    print(name, *(one for one in {heavy!r} if one in sys.modules))
"""


def test_a_look_loads_nothing_heavy(start: Start) -> None:
    school = start(policy=POLICY)
    program = PROGRAM.format(looks=LOOKS, heavy=HEAVY)
    asked = subprocess.run(
        [sys.executable, "-c", program, str(school.config)],
        capture_output=True, text=True, check=False, timeout=PATIENT_S,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.split("\n")[:-1] == list(LOOKS)
