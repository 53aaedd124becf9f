"""Templates of the public pages, with the sentences of one language. Escaped as the console's are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from schoolgate.config.pages import Pages
from schoolgate.console.page_rendering import TEMPLATES, site
from schoolgate.console.plain_words import group
from schoolgate.console.public.language import Language, Languages


class PublicTemplates:
    """`style`: the path of the style sheet."""

    def __init__(self, pages: Pages, languages: Languages, style: str) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES / "public"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(site=site, group=group)
        self._environment.globals.update(
            style=style,
            school=pages.school,
            help_lines=pages.help_lines,
            languages=tuple(languages.known.values()),
        )

    def render(self, template: str, language: Language, is_asked_for: bool, path: str, **values: Any) -> str:
        """The HTML of a page. `is_asked_for`: by the switch, so links keep it. Raises jinja2's errors: a defect."""
        kept = {"lang": language.code} if is_asked_for else {}

        def link(to: str, **query: str) -> str:
            given = urlencode({**kept, **query})
            return f"{to}?{given}" if given else to

        def say(key: str, **given: object) -> str:
            return language.says(key, **given)

        shown: Mapping[str, Any] = {"language": language, "say": say, "link": link, "path": path, **values}
        return self._environment.get_template(template).render(**shown)
