"""What is meant by words in the one search box: a reason, a device, a category, a page, or a name in the log."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

# "Why is bbc.co.uk closed for Year 9?", "is roblox.com open for staff", "bbc.co.uk year-9".
_NAME: Final = re.compile(
    r"(?<![\w.-])((?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9])", re.I
)
_WHY: Final = re.compile(r"\b(why|is|closed|open|blocked|allowed)\b", re.I)
_FOR: Final = re.compile(r"\b(?:for|in)\s+(.{1,60}?)\s*\??$", re.I)
_PSEUDONYM: Final = re.compile(r"p-[a-z2-7]{6,26}")
_SCHEME: Final = re.compile(r"^[a-z]+://", re.I)


@dataclass(frozen=True)
class Found:
    """One place to go. `icon`: a name of the sprite."""

    words: str
    path: str
    icon: str
    detail: str = ""


def name_in(text: str) -> str:
    """The host name in a sentence or an address; "" where there is none."""
    found = _NAME.search(_SCHEME.sub("", text.strip()))
    return found[1].lower() if found else ""


def device_in(text: str) -> str:
    """An address, or a pseudonym of the log; "" for anything else."""
    word = text.strip().lower()
    if _PSEUDONYM.fullmatch(word):
        return word
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        return ""


def segment_in(text: str, segments: Iterable[str]) -> str:
    """The network that a sentence names: "Year 9" is year-9. The longest that fits."""
    said = _plain(text)
    fitting = [one for one in segments if re.search(rf"(?<!\w){re.escape(_plain(one))}(?!\w)", said)]
    return max(fitting, key=len, default="")


def why_path(text: str, segments: Iterable[str]) -> str:
    """Where a question "why" is answered; "" where the text is none. A name alone is one, too."""
    name = name_in(text)
    is_alone = "://" in text or text.strip().lower().strip(".") == name
    if not name or not (is_alone or _WHY.search(text) or _FOR.search(text)):
        return ""
    segment = segment_in(text.replace(name, " "), segments)
    return f"/explain?{urlencode({'name': name} | ({'segment': segment} if segment else {}))}"


def is_question(text: str) -> bool:
    """Whether it asks for a reason, so that the answer is opened at once."""
    return bool(name_in(text)) and bool(_WHY.search(text))


def in_log(text: str, categories: Mapping[str, str]) -> list[Found]:
    """What a search of the log can be narrowed to."""
    found = []
    name, word = name_in(text) or text.strip().lower(), _plain(text)
    match = "suffix" if name_in(text) else "contains"
    if re.fullmatch(r"[\w.-]{1,253}", name):
        query = urlencode({"name": name, "when": "week"} | ({"match": match} if match != "suffix" else {}))
        found.append(Found(f"Who asked for {name} this week", f"/log?{query}", "search"))
    for identity, title in categories.items():
        if word and (word in _plain(title) or word == _plain(identity)):
            query = urlencode({"category": identity, "when": "week"})
            found.append(Found(f"Questions about {title}", f"/log?{query}", "search", "category"))
    return found[:6]


def device_path(device: str) -> str:
    """The page of a device."""
    return f"/devices/{quote(device, safe='')}"


def pages_for(text: str, entries: Iterable[Any]) -> list[Found]:
    """Pages of this account whose words fit. `entries`: of the navigation."""
    words = set(_plain(text).split())
    return [
        Found(one.words, one.path, one.icon, "page")
        for one in entries
        if words & _words_of(one.path, one.words) or (len(_plain(text)) > 2 and _plain(text) in _plain(one.words))
    ]


# What people call a page, besides its name.
_CALLED: Final[Mapping[str, str]] = {
    "/": "home start", "/log/live": "live now stream watch", "/log": "log history search queries",
    "/explain": "why explain closed open blocked reason", "/devices": "device laptop tablet phone computer",
    "/alerts": "alert concern worry safeguarding", "/requests": "request ask unblock",
    "/policy": "policy rule filter block close category revision", "/cases": "case concern follow judgement referral",
    "/escalation": "escalation call phone deputy urgent hours", "/report": "report problem tell unsuitable",
    "/tickets": "report ticket colleague staff answer", "/pupil-code": "pupil code six letters",
    "/services": "service app youtube tiktok", "/lists": "list feed update", "/schedules": "exam calendar term",
    "/exam-mode": "exam mode test mocks gcse invigilator", "/calendar": "calendar term holiday inset half ics",
    "/exceptions": "exception temporary allow", "/lessons": "lesson class", "/reports": "report governor pdf",
    "/checks": "check test help line coverage drift record", "/check": "check test device",
    "/reviews": "review yearly annual sign", "/actions": "action date due overdue calendar task",
    "/registers": "register training risk supplier licence decision meeting responsibility notice post",
    "/assurance": "assurance governor sentence limit", "/evidence": "evidence pack inspection standard pdf ofsted",
    "/service-report": "service availability uptime provider month sla",
    "/suggestions": "suggestion word", "/audit": "audit who changed record",
    "/exports": "export profile dhcp mdm poster browser", "/accounts": "account user role leaver",
    "/accounts/break-glass": "break glass emergency envelope safe locked out", "/device-names": "ipad laptop label",
    "/lessons/lists": "agreed beforehand sites", "/health": "health disk certificate backup status",
    "/account": "password code factor passkey",
}  # fmt: skip


def _words_of(path: str, words: str) -> set[str]:
    return set(_plain(f"{words} {_CALLED.get(path, '')}").split())


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w]+", " ", text.lower().replace("_", " ")).split())
