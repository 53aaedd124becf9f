"""Templates become HTML. Everything is escaped, and a name that a template does not have is an error, not a blank."""

from __future__ import annotations

import contextlib
import datetime as dt
import unicodedata
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from schoolgate.console import navigation, plain_words
from schoolgate.console.built_assets import BuiltAssets
from schoolgate.console.log_words import short_device
from schoolgate.console.plain_words import FILTERS

TEMPLATES: Final = Path(__file__).parent / "templates"
_US: Final = 1_000_000


class Renderer:
    """Renders templates with the console's globals. `zone`: that of the school, for times."""

    def __init__(self, assets: BuiltAssets, zone: ZoneInfo | None = None) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.zone = zone
        self._environment.globals.update(
            asset=assets.address,
            navigation=navigation.entries,
            more_navigation=navigation.further,
            is_current=navigation.is_current,
            most_on_phones=navigation.MOST_ON_PHONES,
            now=self.now,
        )
        self._environment.filters.update(
            FILTERS,
            moment=self.moment,
            day=self.day,
            left=self.left,
            from_now=self.from_now,
            site=site,
            short_device=short_device,
        )

    def use_zone(self, name: str) -> None:
        """Times are the school's from now on. An unknown name changes nothing."""
        if name and (self.zone is None or self.zone.key != name):
            with contextlib.suppress(ZoneInfoNotFoundError, ValueError):
                self.zone = ZoneInfo(name)

    def render(self, template: str, /, **values: Any) -> str:
        """The HTML of a template. Raises jinja2's errors: a defect."""
        return self._environment.get_template(template).render(**values)

    def now(self) -> dt.datetime:
        """This moment on the school's clock."""
        return dt.datetime.now(dt.UTC).astimezone(self.zone)

    def left(self, until: str) -> str:
        """How long it is until a time in ISO 8601."""
        return plain_words.left(until, self.now())

    def from_now(self, seconds: int) -> dt.datetime:
        """The moment so many seconds from now."""
        return self.now() + dt.timedelta(seconds=seconds)

    def moment(self, value: int | str | dt.datetime) -> Markup:
        """`<time>` of microseconds since 1970 UTC, ISO text or a time: "today 10:42", exact on hover."""
        then = _time(value).astimezone(self.zone)
        days = (self.now().date() - then.date()).days
        clock = f"{then:%H:%M}"
        day = {0: "today", 1: "yesterday", -1: "tomorrow"}.get(days) or f"{then.day} {then:%b}" + (
            "" if abs(days) < 180 else f" {then.year}"
        )
        return Markup('<time datetime="{}" title="{}">{} {}</time>').format(
            then.isoformat(timespec="seconds"), f"{then:%A %d %B %Y, %H:%M:%S %Z}", day, clock
        )

    def day(self, value: int | str | dt.datetime) -> Markup:
        """`<time>` of the day alone: "1 Sep", with its year where that is not near."""
        # A date has no zone: midnight UTC would be the day before in the west.
        is_date = isinstance(value, str) and len(value) == len("2026-12-01")
        then = dt.date.fromisoformat(str(value)) if is_date else _time(value).astimezone(self.zone).date()
        return Markup('<time datetime="{}">{}</time>').format(then.isoformat(), plain_words.day(then))


def site(name: str) -> Markup:
    """A site's name: monospaced, may break at each dot, never a link; reads left to right whatever it holds.

    Characters that are not seen, or that turn the text round, are shown by their numbers: no name looks like another.
    """
    parts = Markup(".<wbr>").join(escape(part) for part in _seen(str(name)).split("."))
    return Markup('<bdi class="site" dir="ltr">{}</bdi>').format(parts)


def _seen(text: str) -> str:
    return "".join(f"\\u{{{ord(one):04x}}}" if unicodedata.category(one)[0] == "C" else one for one in text)


def _time(value: int | str | dt.datetime) -> dt.datetime:
    if isinstance(value, int):
        return dt.datetime.fromtimestamp(value / _US, dt.UTC)
    found = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
