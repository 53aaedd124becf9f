"""Sources of a school where all is as it should be: tests break one at a time."""

from __future__ import annotations

from typing import Any

from schoolgate.evidence.sources import Source, Sources
from schoolgate.evidence.standards import DFE, UKSIC

NOON_US = 1_796_040_000_000_000  # 30 November 2026
CATEGORIES = sorted({one for part in (
    "pornography self-harm extremism violence gambling drugs hate circumvention-vpn circumvention-proxy",
    "circumvention-encrypted-dns circumvention-tor discrimination alcohol-vaping malware phishing hacking",
    "misinformation adult nudify piracy eating-disorders weapons ai-companion",
) for one in part.split()})  # fmt: skip

POST = {
    "post": "Lead",
    "duties": "answers",
    "person": "Ada",
    "deputy": "",
    "organisation": "",
    "accepted": "2026-09-01",
}

VALUES: dict[str, Any] = {
    "status": {
        "unprotected": [],
        "query_log": {"is_on": True, "lost": {"ordinary": 0}},
        "processes": [
            {"name": "serve", "is_running": True, "age_s": 90_000},
            {"name": "monitor", "is_running": True, "age_s": 3},
        ],
        "feeds": [{"id": "one", "condition": "ok", "names": 5, "age_s": 3_600}],
        "lists": {"serial": 3, "age_s": 7_200},
        "backup": {"age_s": 3_600, "proved_at": "2026-11-29T03:00:00+00:00", "proved_age_s": 90_000},
    },
    "segments": {
        "strictest": "guest",
        "segments": [
            {"id": "pupils", "policy_now": "pupil", "log": "full"},
            {"id": "guests", "policy_now": "guest", "log": "full"},
        ],
    },
    "policy": {
        "policies": [
            {
                "policy": name,
                "segments": [name],
                "categories": [{"category": one, "value": "deny", "level": "own"} for one in CATEGORIES],
            }
            for name in ("pupil", "guest")
        ]
    },
    "revisions": [{"number": 1, "who": "uid:0", "why": "the first policy", "at": "2026-11-01T09:00:00+00:00"}],
    "exceptions": {"exceptions": [{"reason": "lesson", "until": "2026-12-01T09:00:00+00:00", "kind": "allow"}]},
    "sealed": {"lists": []},
    "sealed_counts": [{"supplier": "IWF", "enforced": 900, "url_level": 5, "age_s": 3_600, "state": "ok"}],
    "forwarders": {"servers": [{"server": "tls://192.0.2.1", "is_encrypted": True}], "validates": True},
    "checks": {
        "reachability": {"at": "2026-11-30T06:00:00+00:00"},
        "safesearch": {"at": "2026-11-30T06:00:00+00:00", "sentences": []},
        "history": [
            {"at": "2026-11-30T06:00:00+00:00", "names": 9, "decisions": 27, "over_blocked": 0, "rate": 0.0},
        ],
    },
    "alerts": {"rules": {"built-in": {"alerts": 4, "open": 1, "outcomes": {"false-alarm": 1, "concern": 2}}}},
    "alerts_open": {"open": 1, "new": 0, "oldest_new_s": None},
    "silent_devices": {"open": 0},
    "ai_seen": [],
    "log": {"classes": {"ordinary": {"rows": 8, "oldest": "2026-09-01T00:00:00+00:00"}}},
    "blocked": {"verdict": {"allow": 90, "deny": 10}},
    "retention": {"ordinary_days": 90, "safeguarding_days": 365, "rollups_days": 730},
    "review": {
        "number": 2, "signed_on": "2026-09-01", "next_on": "2027-08-30", "is_overdue": False,
        "signers": "head, safeguarding lead", "texts": [{"words": "Gaps", "text": "none\n- at all"}],
    },
    "registers": {
        "statutory_posts": 5, "unfilled_posts": [],
        **{f"{one}_current": 1 for one in ("training", "notices", "suppliers", "risks")},
        **{f"{one}_overdue": 0 for one in ("training", "notices", "suppliers", "risks")},
        "posts": [POST],
        "suppliers": [{"what": "IWF", "supplier": "IWF", "type": "licence", "ends": "2027-01-01"}],
    },
    "actions": {"open": 1, "done": 2, "overdue": 0},
    "decisions": [
        {"what": "Games", "value": "closed", "reason": "lessons", "owner": "Head", "review_on": "2027-01-01",
         "missing": []},
    ],
    "kinds": {"check": {"done": 3}, "case": {"closed": 1, "open": 1}, "change_request": {"applied": 2}},
    "accounts": {"active": 3, "without_factor": 0},
    "audit": {"entries": 12, "reveals": 1, "sign_ins": 4},
    "openings": {"is_on": True, "has_effect": True},
}  # fmt: skip

ITEMS = [one for items in (*DFE.values(), *UKSIC.values()) for one in items]


def sources(**changed: Source) -> Sources:
    """All of them, some changed."""
    found = {name: Source(f"query of {name}", value) for name, value in VALUES.items()}
    return Sources({**found, **changed}, NOON_US)
