"""What is known of each feed: its last good lists, how old they truly are, and what went wrong since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from schoolgate.errors import SchoolgateError
from schoolgate.storage.atomic_file import write_whole


class FeedStateUnreadable(SchoolgateError):
    """The record of what was fetched cannot be read."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)


class Part(_Row):
    """One list of a feed: a whole feed, or one folder of an archive. Its octets are in the content store."""

    label: str
    category: str
    match: Literal["suffix", "exact"]
    dialect: str | None
    sha256: str
    octets: int
    rules: int


class Unread(_Row):
    """Lines of a feed that no shape fits, of so many (`guards.Unread`)."""

    lines: int
    of: int
    reasons: dict[str, int]
    example: str | None


class LeftOutNames(_Row):
    """What a feed lists of names that no feed may close, and that is left out of it (`guards.LeftOutNames`)."""

    lines: int
    names: tuple[str, ...]


class Good(_Row):
    """Lists that passed every guard.

    `fetched_at`: when these octets first came. `confirmed_at`: when their publisher last said that they are what there
    is; their true age counts from here. `whole_at`: when the whole was last sent, not only "not modified".
    """

    parts: tuple[Part, ...]
    fetched_at: dt.datetime
    confirmed_at: dt.datetime
    whole_at: dt.datetime
    etag: str | None = None
    last_modified: str | None = None
    # The octets as they came, to see that nothing has changed when a publisher cannot say so.
    body_sha256: str = ""
    # Where it came from and whose key vouched for it: another place or key means fetching anew.
    url: str | None = None
    key: str | None = None
    # None in what an earlier version of schoolgate wrote.
    unread: Unread | None = None
    left_out: LeftOutNames | None = None

    @property
    def rules(self) -> int:
        return sum(part.rules for part in self.parts)


class FeedState(_Row):
    """One feed. `failure` is what the last try said when it failed, `failing_since` the first of these."""

    good: Good | None = None
    tried_at: dt.datetime | None = None
    failure: str | None = None
    failing_since: dt.datetime | None = None
    # The failure is one that `lists update --accept` lifts.
    held: bool = False
    warnings: tuple[str, ...] = ()

    def failed(self, now: dt.datetime, why: str, *, held: bool = False) -> FeedState:
        since = self.failing_since or now
        return self.model_copy(update={"tried_at": now, "failure": why, "failing_since": since, "held": held})

    def renewed(self, now: dt.datetime, good: Good, warnings: tuple[str, ...]) -> FeedState:
        return FeedState(good=good, tried_at=now, warnings=warnings)

    def confirmed(self, now: dt.datetime) -> FeedState:
        """Nothing has changed at the publisher's."""
        assert self.good is not None
        good = self.good.model_copy(update={"confirmed_at": now})
        return FeedState(good=good, tried_at=now, warnings=self.warnings)

    def age_s(self, now: dt.datetime) -> float | None:
        """The true age of what is in use."""
        return None if self.good is None else max(0.0, (now - self.good.confirmed_at).total_seconds())


class FeedStates:
    """The record of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "lists" / "feeds.json"

    def read(self) -> dict[str, FeedState]:
        """By feed id. Raises `FeedStateUnreadable`."""
        try:
            raw = orjson.loads(self.path.read_bytes())
            return {name: FeedState.model_validate(one) for name, one in raw.items()}
        except FileNotFoundError:
            return {}
        except (OSError, orjson.JSONDecodeError, ValidationError, AttributeError) as error:
            reason = str(error).splitlines()[0]
            raise FeedStateUnreadable(
                f"{self.path}: cannot be read ({reason}); restore it from a backup,"
                " or remove it: then every feed is fetched anew"
            ) from error

    def write(self, states: Mapping[str, FeedState]) -> None:
        rows = {name: one.model_dump(mode="json") for name, one in sorted(states.items())}
        write_whole(self.path, orjson.dumps(rows, option=orjson.OPT_INDENT_2))
