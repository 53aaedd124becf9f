"""An evidence pack as values: every page of it, from sources alone. It names no pupil, device or asked site.

What comes from people (reasons, texts of a review) is what their forms ask for without names; attendees are left out.
Names of staff stand in it for those who may see them; the other form has posts in their place.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from schoolgate.evidence.assurance import NEEDED as FOR_SENTENCES
from schoolgate.evidence.assurance import six_sentences
from schoolgate.evidence.limits_statement import NEEDED as FOR_LIMITS
from schoolgate.evidence.limits_statement import limits_of
from schoolgate.evidence.measures import EvidenceRow, RowState, rows_of
from schoolgate.evidence.sources import SourceBroken, Sources
from schoolgate.evidence.standards import DFE, UKSIC
from schoolgate.evidence.standards import NEEDED as FOR_ITEMS

# Rows of a table on paper; the console and the command line have all.
MOST_ROWS = 400


# The source of each page, and of what pages say of log-ons and of data protection.
_PAGES: Mapping[str, str] = {
    "review": "review", "posts": "registers", "decisions": "decisions", "lists": "status", "checks": "checks",
    "suppliers": "registers", "sign-ins": "audit", "reveals": "audit", "kept": "retention",
}  # fmt: skip
NEEDED = tuple(dict.fromkeys((*FOR_ITEMS, *FOR_SENTENCES, *FOR_LIMITS, *_PAGES.values())))
PostOf = Callable[[str], str]


def pack_of(
    sources: Sources, school: str, version: str, zone: ZoneInfo, post_of: PostOf | None = None
) -> dict[str, Any]:
    """Everything that is printed, as JSON values. `post_of`: what stands in place of a name; None: names stay."""
    at = dt.datetime.fromtimestamp(sources.at_us / 1_000_000, dt.UTC).astimezone(zone)
    dfe = _tables(DFE, sources)
    uksic = _tables(UKSIC, sources)
    rows = [row for table in (*dfe, *uksic) for row in table["rows"]]
    return {
        "school": school,
        "made": f"{at:%-d %B %Y, %H:%M %Z}",
        "version": version,
        "shows_names": post_of is None,
        "counts": {state.value: sum(row["state"] == state for row in rows) for state in RowState},
        "sentences": [asdict(one) for one in six_sentences(sources)],
        "dfe": dfe,
        "uksic": uksic,
        "limits": [asdict(one) for one in limits_of(sources)],
        "review": _part(sources, "review", _review),
        "posts": _part(sources, "posts", lambda found: [_post(one, post_of) for one in found["posts"][:MOST_ROWS]]),
        "decisions": _part(sources, "decisions", lambda found: _decisions(found, post_of)),
        "lists": _part(sources, "lists", _lists),
        "checks": _part(sources, "checks", _checks),
        "logons": _logons(sources),
        "dpia": _dpia(sources),
        "suppliers": _part(sources, "suppliers", lambda found: found["suppliers"][:MOST_ROWS]),
        "broken": list(sources.broken()),
    }


def _tables(lists: Mapping[str, Any], sources: Sources) -> list[dict[str, Any]]:
    return [
        {"title": title, "rows": [_plain(row) for row in rows_of(items, sources)]} for title, items in lists.items()
    ]


def _plain(row: EvidenceRow) -> dict[str, str]:
    return {"item": row.item, "state": row.state.value, "value": row.value, "query": row.query}


def _part(sources: Sources, page: str, made: Callable[[Any], Any]) -> dict[str, Any]:
    """A page from its source, or why it is not there."""
    name = _PAGES[page]
    try:
        return {"found": made(sources[name]), "query": sources.query(name), "problem": ""}
    except (SourceBroken, AttributeError, LookupError, TypeError, ValueError) as error:
        return {"found": None, "query": sources.query(name), "problem": f"Not measured: {error}"}


def _review(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "number": found["number"], "signed_on": found["signed_on"], "next_on": found["next_on"],
        "signers": found["signers"], "texts": found["texts"],
    }  # fmt: skip


def _post(one: Mapping[str, Any], post_of: PostOf | None) -> dict[str, Any]:
    if post_of is None:
        held = (one["person"], one["deputy"], one["organisation"])
    else:
        held = ("a person" if one["person"] else "", "a deputy" if one["deputy"] else "", one["organisation"])
    who = " / ".join(filter(None, held)) or "not filled"
    return {"post": one["post"], "duties": one["duties"], "who": who, "accepted": one["accepted"]}


def _decisions(found: list[Mapping[str, Any]], post_of: PostOf | None) -> dict[str, Any]:
    rows = [
        {
            "what": one["what"], "value": one["value"], "reason": one["reason"],
            "owner": one["owner"] if post_of is None else post_of(one["owner"]),
            "review_on": one["review_on"] or "", "missing": ", ".join(one["missing"]),
        }
        for one in found[:MOST_ROWS]
    ]  # fmt: skip
    return {"rows": rows, "left_out": max(0, len(found) - MOST_ROWS)}


def _lists(found: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        {
            "id": one["id"], "condition": one["condition"], "names": f"{one['names']:,}",
            "age": "never fetched" if one["age_s"] is None else _hours(one["age_s"]),
        }
        for one in found["feeds"]
    ]  # fmt: skip
    built = found["lists"]
    said = "" if built is None else f"Serial {built['serial']}, built {_hours(built['age_s'])} ago."
    return {
        "rows": rows,
        "built": said,
    }


def _checks(found: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        {
            "at": str(one["at"])[:10], "names": f"{one['names']:,}", "decisions": f"{one['decisions']:,}",
            "wrong": str(one["over_blocked"]), "rate": f"{one['rate']:.2%}",
        }
        for one in found["history"][-14:]
    ]  # fmt: skip
    return {"rows": rows}


def _logons(sources: Sources) -> list[dict[str, str]]:
    """Which log-ons are held here, and which are not."""
    held = _part(sources, "sign-ins", lambda found: f"{found['sign_ins']:,} entries of sign-ins in the audit log")
    lines = (
        ("Sign-ins to this filter's console, failed ones too", "Here", held["found"] or held["problem"]),
        ("Changes by users of this machine", "Here", "In the audit log, by the user that the kernel names"),
        ("Which device asked for a name, and when", "Here", "In the query log, by a pseudonym of its address"),
        ("Sign-ins to computers and tablets", "Not here", "The directory (Entra ID, Google, Active Directory)"),
        ("Sign-ins to Wi-Fi", "Not here", "The RADIUS server or the wireless controller"),
        ("Sign-ins to mail and learning platforms", "Not here", "Each platform's own log"),
    )
    return [{"what": what, "where": where, "how": how} for what, where, how in lines]


def _dpia(sources: Sources) -> list[dict[str, str]]:
    """A sheet for the data protection impact assessment: what, why, how long, who, what is done against misuse."""
    kept = _part(sources, "kept", lambda found: found)
    days = kept["found"] or {}
    looks = _part(sources, "reveals", lambda found: f"{found['reveals']:,} reveals are on record.")

    def so_long(name: str) -> str:
        return f"{days[name]} days" if name in days else str(kept["problem"])

    reveal = "The safeguarding lead and the data protection officer, with a reason and a fresh second factor."
    lines = (
        ("Purpose", "Keep children safe online; find and mend faults. No profile of a person is made."),
        ("Data", "Time, device address as a pseudonym, network, name that was asked, verdict and why."),
        ("People", "Pupils, staff and guests who use the school's networks."),
        ("Ordinary questions are kept", so_long("ordinary_days")),
        ("Questions that matter to safeguarding are kept", so_long("safeguarding_days")),
        ("Counts without a device or a name are kept", so_long("rollups_days")),
        ("Who can see a device behind a pseudonym", f"{reveal} {looks['found'] or looks['problem']}"),
        ("Where", "On this school's machine. Forwarders get the name that was asked, not the device."),
        ("Illegal content", "Names of sealed lists are never written to a log, a page or this pack."),
        ("Rights", "A person's rows can be exported and erased; both are on record."),
    )
    return [{"what": what, "is": said} for what, said in lines]


def _hours(seconds: float) -> str:
    return f"{seconds / 86_400:.0f} days" if seconds >= 2 * 86_400 else f"{seconds / 3600:.0f} hours"
