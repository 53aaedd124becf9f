"""A page to print and hang up: that DNS is filtered and logged here, and whom to ask when a page does not open."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from schoolgate.generated_files.own_servers import NotWritten

_STYLE = (
    "body{font:1.6rem/1.5 sans-serif;max-width:38rem;margin:3rem auto;padding:0 1rem;color:#000;background:#fff}"
    "h1{font-size:3rem;line-height:1.1}.where{font-size:2rem;font-weight:bold;overflow-wrap:anywhere}"
    "@media print{body{margin:0 auto}}"
)


def poster(school: str, why_page: str, ask: str) -> str:
    """HTML of one page. `why_page`: address of the page that says why a name is closed; `ask`: whom to ask. Each may
    be "". Raises `NotWritten` for an address that is none."""
    if why_page and (urlsplit(why_page).scheme not in ("http", "https") or not urlsplit(why_page).hostname):
        raise NotWritten(f"{why_page!r} is no address of a web page; write https://filter.school.example/why")
    where = escape(school) or "our school"
    parts = [
        f"<p>Some sites do not open in the network of {where}. The names of sites that devices ask for are checked,"
        " and kept for a while, so that everybody here is safe.</p>",
        "<p>What you read and write on a page is not seen by this filter.</p>",
        "<h2>A page does not open and you need it?</h2>",
    ]
    if why_page:
        parts.append(f'<p>See why, and ask for it:</p><p class="where">{escape(why_page)}</p>')
    parts.append(f"<p>Ask {escape(ask) if ask else 'a teacher or the IT office'}, with the address of the page.</p>")
    parts.append("<h2>You saw something that worries you?</h2><p>Tell an adult you trust. You did nothing wrong.</p>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Why does a page not open? {escape(school)}</title><style>{_STYLE}</style></head>\n"
        "<body><h1>Why does a page not open?</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )
