"""What this filter cannot do here, from the configuration that is in force: a statement that no person has to write.

What DNS never sees comes first, then what is open in this installation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from schoolgate.evidence.sources import SourceBroken, Sources, needed_by, reads, reads_of

_OF_DNS = (
    "The filter sees names of sites. It sees no page, picture, search word or message; supervision and other"
    " monitoring do that.",
    "A device that uses an address without a name, mobile data, or another network is not seen.",
)


@dataclass(frozen=True)
class Limit:
    """`query`: what measured it; "" for what is true of every DNS filter. `is_broken`: it could not be measured."""

    sentence: str
    query: str = ""
    is_broken: bool = False


def limits_of(sources: Sources) -> tuple[Limit, ...]:
    """All limits, those of DNS first."""
    found = [Limit(one) for one in _OF_DNS]
    for measure in _MEASURES:
        query = sources.queries(reads_of(measure))
        try:
            found += [Limit(one, query) for one in measure(sources.only(reads_of(measure)))]
        except SourceBroken as error:
            found.append(Limit(f"This could not be measured: {error}", query, is_broken=True))
    return tuple(found)


@reads("segments")
def _firewall(sources: Sources) -> Iterator[str]:
    segments = [str(one["id"]) for one in sources["segments"]["segments"]]
    if not segments:
        yield "No network is named: all devices get the strictest policy, and none is known by its network."
        return
    yield (
        "Whether the firewall closes other DNS servers is not known to this filter for: "
        f"{', '.join(map(_words, segments))}. The IT team has the rules for it under Files for devices; a check from a"
        " device shows whether they work."
    )


@reads("forwarders")
def _forwarders(sources: Sources) -> Iterator[str]:
    found = sources["forwarders"]
    plain = [one["server"] for one in found["servers"] if not one["is_encrypted"]]
    if plain:
        servers = "one server" if len(plain) == 1 else f"{len(plain)} servers"
        yield f"Questions to {servers} travel without encryption: the provider of the line can read them."
    if not found["validates"]:
        yield "Signatures of DNS (DNSSEC) are not validated here: whether the forwarders do so is theirs to say."


@reads("sealed_counts")
def _sealed(sources: Sources) -> Iterator[str]:
    suppliers = sources["sealed_counts"]
    if not suppliers:
        yield "No list of illegal content (such as IWF, CTIRU) is in use: it is supplied under contract only."
    for one in suppliers:
        if one["url_level"]:
            yield (
                f"{one['url_level']:,} entries of the list of {one['supplier']} name single pages, which DNS cannot"
                f" close; {one['enforced']:,} name whole sites and are closed."
            )


@reads("silent_devices")
def _silent(sources: Sources) -> Iterator[str]:
    count = sources["silent_devices"]["open"]
    if count:
        yield f"{count} devices went silent and were not looked at yet: they may use another way to the internet."


@reads("status")
def _categories(sources: Sources) -> Iterator[str]:
    titles = sources["status"].get("titles", {})
    thin = sorted(titles.get(one, one.replace("-", " ")) for one in thin_categories(sources))
    if thin:
        yield (
            f"{len(thin)} kinds of site are closed by the policy, but no list of them is in use, or only a list of the"
            f" best-known names: {', '.join(thin)}. Most other sites of these kinds are open."
        )


def thin_categories(sources: Sources) -> frozenset[str]:
    """Categories of which few names are known, or none."""
    found: set[str] = set()
    for one in sources["status"]["unprotected"]:
        if one["id"] in ("category-empty", "category-unlisted"):
            found.add(str(one["subject"]))
        elif one["id"].startswith("categor"):
            found.update(_COUNTED.findall(one["sentence"]))
    return frozenset(found)


# In a sentence of several categories: "gambling (594)".
_COUNTED = re.compile(r"([a-z][a-z-]*) \(\d+\)")


@reads("status", "segments")
def _log(sources: Sources) -> Iterator[str]:
    if sources["status"]["query_log"] is not None and not sources["status"]["query_log"]["is_on"]:
        yield "The query log is off: nothing can be looked up later, and no alert is raised."
    for one in sources["segments"]["segments"]:
        if one["log"] != "full":
            yield f"Of the network {_words(str(one['id']))} the log keeps {_KEPT.get(one['log'], one['log'])}."


_KEPT = {"denied-only": "what was blocked, and counts the rest", "counts-only": "counts alone"}


def _words(identity: str) -> str:
    """A name of the policy as people read it: "reading-room" is "Reading room"."""
    words = identity.replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


_MEASURES: tuple[Callable[[Sources], Iterator[str]], ...] = (
    _firewall, _forwarders, _sealed, _silent, _categories, _log,
)  # fmt: skip
NEEDED = needed_by(_MEASURES)
