"""The Containerfile, as far as it can be checked without fetching its base images."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

Instruction = tuple[str, str]


@pytest.fixture(scope="module")
def instructions(deploy: Path) -> list[Instruction]:
    """Each instruction with its arguments, continued lines joined, comments gone."""
    text = (deploy / "container/Containerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = [line.split(None, 1) for line in joined.splitlines()]
    return [(word, rest) for word, rest in found]


@pytest.fixture(scope="module")
def runtime(instructions: list[Instruction]) -> list[Instruction]:
    """The last stage: what is shipped."""
    last = max(at for at, (word, _) in enumerate(instructions) if word == "FROM")
    return instructions[last:]


def arguments(stage: list[Instruction], word: str) -> list[str]:
    return [rest for found, rest in stage if found == word]


def test_the_file_holds_only_instructions(instructions: list[Instruction]) -> None:
    known = {
        "ARG",
        "FROM",
        "RUN",
        "WORKDIR",
        "COPY",
        "ENV",
        "USER",
        "VOLUME",
        "EXPOSE",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    }
    assert {word for word, _ in instructions} <= known


def test_what_is_copied_exists_and_enters_the_build_context(instructions: list[Instruction], repository: Path) -> None:
    ignore = (repository / "deploy/container/Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for copied in arguments(instructions, "COPY"):
        if "--from=" in copied:
            continue
        for source in [word for word in copied.split() if not word.startswith("--")][:-1]:
            assert (repository / source).exists(), source
            assert f"!{source}" in ignore, f"{source} never reaches the builder"


def test_all_members_of_the_workspace_are_copied(instructions: list[Instruction], repository: Path) -> None:
    workspace = tomllib.loads((repository / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]
    assert {member.split("/")[0] for member in workspace["members"]} <= {
        copied.split()[0] for copied in arguments(instructions, "COPY")
    }


def test_the_compiler_is_new_enough_and_both_stages_are_of_one_debian(
    instructions: list[Instruction], repository: Path
) -> None:
    images = dict(rest.split("=", 1) for rest in arguments(instructions, "ARG"))
    rust = re.search(r"rust:(\d+)\.(\d+)-slim-(\w+)$", images["RUST_IMAGE"])
    python = re.search(r"python:(\d+)\.(\d+)-slim-(\w+)$", images["PYTHON_IMAGE"])
    assert rust
    assert python
    assert rust[3] == python[3], "a wheel built on a newer C library does not load on an older one"
    needed = tomllib.loads((repository / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"][
        "rust-version"
    ]
    assert (int(rust[1]), int(rust[2])) >= tuple(map(int, needed.split(".")[:2]))
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = re.search(r">=(\d+)\.(\d+)", project["requires-python"])
    assert oldest
    assert (int(python[1]), int(python[2])) >= (int(oldest[1]), int(oldest[2]))


def test_it_runs_as_its_own_user_who_may_take_port_53(runtime: list[Instruction]) -> None:
    users = arguments(runtime, "USER")
    assert users == ["schoolgate"]
    assert not any(word == "RUN" for word, _ in runtime[runtime.index(("USER", "schoolgate")) :])
    installing = " ".join(arguments(runtime, "RUN"))
    assert "setcap cap_net_bind_service=+ep" in installing
    assert "venv --copies" in installing, "a linked interpreter would give every Python script the capability"
    assert "maturin" not in installing


def test_health_is_asked_of_the_running_resolver(runtime: list[Instruction]) -> None:
    (check,) = arguments(runtime, "HEALTHCHECK")
    assert json.loads(check[check.index("[") :])[:2] == ["schoolgate", "status"]


def test_configuration_and_state_are_volumes_and_port_53_is_named(runtime: list[Instruction]) -> None:
    (volumes,) = arguments(runtime, "VOLUME")
    assert json.loads(volumes) == ["/etc/schoolgate", "/var/lib/schoolgate"]
    assert arguments(runtime, "EXPOSE") == ["53/udp 53/tcp"]
    (entry,), (command,) = arguments(runtime, "ENTRYPOINT"), arguments(runtime, "CMD")
    assert json.loads(entry) + json.loads(command) == [
        "schoolgate", "serve", "--config", "/etc/schoolgate/schoolgate.toml",
    ]  # fmt: skip
