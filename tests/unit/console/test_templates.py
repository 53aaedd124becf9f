"""What no template may hold: a strict content security policy has no inline script, and htmx none that needs eval."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from schoolgate.console.page_rendering import TEMPLATES

CONSOLE = TEMPLATES.parent
FORBIDDEN = {
    "inline style": r"<style|\sstyle\s*=",
    "inline script": r"<script(?![^>]*\ssrc=)|\son[a-z]+\s*=\s*[\"']|javascript:",
    "htmx that needs eval": r"hx-on|hx-vals\s*=\s*[\"']js:|hx-headers\s*=\s*[\"']js:|\bjs:|hx-trigger\s*=\s*\"[^\"]*\[",
    "unescaped text": r"\|\s*safe\b|autoescape|Markup\(",
    "an address elsewhere": r"(?:src|href|action|hx-[a-z]+)\s*=\s*[\"'](?:https?:)?//",
    "a form's secret in the address": r"<form(?![^>]*method=\"post\")[^>]*>(?:(?!</form>).)*type=\"password\"",
}
FILES = sorted(TEMPLATES.rglob("*.html"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TEMPLATES).as_posix())
def test_a_template_holds_nothing_that_is_forbidden(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = {name for name, pattern in FORBIDDEN.items() if re.search(pattern, text, re.IGNORECASE | re.DOTALL)}
    assert found == set()


@pytest.mark.parametrize(
    "text",
    [
        '<p style="color:red">',
        "<script>alert(1)</script>",
        '<a onclick="x()">',
        '<div hx-on:click="x()">',
        "<div hx-vals='js:{a: 1}'>",
        '<div hx-trigger="click[ctrlKey]">',
        "{{ name | safe }}",
        '<img src="https://example.com/x.png">',
        '<form method="get"><input type="password"></form>',
    ],
)
def test_what_is_forbidden_would_be_found(text: str) -> None:
    assert any(re.search(pattern, text, re.IGNORECASE | re.DOTALL) for pattern in FORBIDDEN.values())


def test_every_icon_that_is_named_is_in_the_sprite() -> None:
    known = set((CONSOLE / "assets" / "icons.txt").read_text(encoding="utf-8").split("\n"))
    named = {name for path in FILES for name in re.findall(r'icon\("([a-z-]+)"\)', path.read_text(encoding="utf-8"))}
    named |= set(re.findall(r'Entry\("[^"]+", "[^"]+", "([a-z-]+)"\)', (CONSOLE / "navigation.py").read_text("utf-8")))
    assert named
    assert named <= known


def test_the_lock_names_no_address_and_each_digest() -> None:
    text = (CONSOLE / "assets" / "package-lock.json").read_text(encoding="utf-8")
    assert "http" not in text
    packages = json.loads(text)["packages"]
    assert all(one.get("integrity", "").startswith("sha512-") for name, one in packages.items() if name)


def test_the_console_loads_no_database_and_no_operation() -> None:
    script = "import sys, schoolgate.console.console_process; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"sqlalchemy", "duckdb", "schoolgate.storage", "schoolgate.server", "schoolgate._core", "asyncpg"}
    assert heavy & set(loaded) == set()
    assert [one for one in loaded if one.startswith("schoolgate.accounts.")] == [
        "schoolgate.accounts.errors",
        "schoolgate.accounts.roles",
    ]


def test_of_accounts_the_console_imports_the_roles_alone() -> None:
    imported = {
        node.module
        for path in CONSOLE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("schoolgate.accounts")
    }
    assert imported == {"schoolgate.accounts.roles"}
