"""Requests made from the OpenAPI document, hostile ones too: no operation that only looks has a defect, and what comes
back is what the document says. Generated without chance; changes are left out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.failures.console_process import ConsoleProcess
from tests.failures.control_process import Control
from tests.failures.people import account, token_of
from tests.failures.test_api import ask

from schoolgate.accounts.roles import Role

DOCUMENT = Path(__file__).parents[2] / "docs/openapi.json"
SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
ROLES = (Role.network_manager, Role.safeguarding_lead, Role.data_protection_officer)


def test_no_generated_request_finds_a_defect(tmp_path: Path) -> None:
    control = Control(tmp_path)
    control.state.mkdir()
    console = ConsoleProcess(control, is_tls=False, is_quick=True)
    control.start()
    console.start()
    nouns = {path.split("/")[3] for path in json.loads(DOCUMENT.read_bytes())["paths"]}
    token = token_of(control, account(control, "nina", *ROLES), sorted(nouns))
    command = [
        str(SCHEMATHESIS), "run", str(DOCUMENT), "--url", console.address, "--header", f"Authorization: Bearer {token}",
        "--include-method", "GET", "--phases", "fuzzing", "--max-examples", "5", "--generation-deterministic",
        "--checks", "not_a_server_error,response_schema_conformance",
        "--continue-on-failure", "--request-timeout", "20", "--no-color",
    ]  # fmt: skip
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    # Found by this test once: no revision to take reasons from.
    found = ask(console, "GET", "policy/categories?shows_reasons=true", token)
    assert found.status == 200, found.text
    assert console.end() == 0
    assert control.end() == 0
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr
    assert "Traceback" not in console.said() + control.log.read_text(encoding="utf-8")
