"""The names of a benchmark: what is listed, what is popular.

Real ones where a data directory is given (see README.md), else plausible ones: labels recombined, the same for the same
seed. A page of results says which.
"""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from schoolgate._core import registrable_domain
from schoolgate.config.load import load as load_settings
from schoolgate.lists.protected import protected_names

DATA_VARIABLE = "SCHOOLGATE_BENCH_DATA"
SEED = 20261
CHECKOUT = Path(__file__).resolve().parent.parent
_WORDS = [
    "able",
    "acorn",
    "alpha",
    "amber",
    "arch",
    "atlas",
    "azure",
    "basil",
    "beam",
    "birch",
    "blue",
    "bolt",
    "brook",
    "cable",
    "calm",
    "cedar",
    "chart",
    "cloud",
    "cobalt",
    "coral",
    "crest",
    "dash",
    "dawn",
    "delta",
    "drift",
    "echo",
    "elm",
    "ember",
    "fable",
    "fern",
    "flint",
    "forge",
    "fox",
    "frost",
    "gale",
    "glade",
    "grove",
    "harbor",
    "hazel",
    "heron",
    "indigo",
    "iris",
    "ivy",
    "jade",
    "juniper",
    "kestrel",
    "lark",
    "laurel",
    "ledge",
    "linden",
    "lotus",
    "lumen",
    "maple",
    "marsh",
    "mesa",
    "mint",
    "moss",
    "north",
    "nova",
    "oak",
    "ocean",
    "olive",
    "onyx",
    "opal",
    "orbit",
    "otter",
    "pearl",
    "pine",
    "pixel",
    "plum",
    "prism",
    "quartz",
    "quill",
    "rain",
    "raven",
    "reef",
    "ridge",
    "river",
    "robin",
    "rowan",
    "sable",
    "sage",
    "shore",
    "silver",
    "slate",
    "spark",
    "spruce",
    "stone",
    "storm",
    "swift",
    "tern",
    "thistle",
    "tide",
    "topaz",
    "umber",
    "vale",
    "velvet",
    "violet",
    "wave",
    "willow",
    "wind",
    "wren",
    "yarrow",
    "zephyr",
    "zinc",
    "ad",
    "ads",
    "app",
    "click",
    "data",
    "game",
    "games",
    "media",
    "news",
    "pay",
    "play",
    "pop",
    "shop",
    "stat",
    "stats",
    "track",
]
_ENDS = ("com",) * 9 + ("net", "org", "info", "de", "co.uk", "ru", "fr", "xyz", "online", "io", "nl", "com.br", "top")
_HOSTS = ("www", "cdn", "api", "img", "static", "m", "s1", "login", "edge", "a", "t", "eu-west-1")


@dataclass(frozen=True)
class Names:
    """Listed names, and popular names with the most popular first. `source` says where they come from."""

    listed: list[str]
    popular: list[str]
    source: str


def data_directory(given: Path | None = None) -> Path | None:
    """The directory of real names, if any: as given, by the variable, or `../shared/data` beside the checkout."""
    by_variable = os.environ.get(DATA_VARIABLE)
    candidates = (given, Path(by_variable) if by_variable else None, CHECKOUT.parent / "shared" / "data")
    return next((one for one in candidates if one and (one / "block-1m.txt.gz").exists()), None)


def load(count: int = 1_000_000, data: Path | None = None) -> Names:
    """About `count` listed names, and 100,000 popular ones. Beyond what the real lists hold, names are made up."""
    directory = data_directory(data)
    if directory is None:
        return Names(made_up(count), _made_up_popular(100_000), f"{count:,} generated names, seed {SEED}")
    real, popular = _read_listed(directory / "block-1m.txt.gz"), _read(directory / "popular-100k.txt.gz")
    if count < len(real):
        return Names(random.Random(SEED).sample(real, count), popular, f"{count:,} of {len(real):,} real listed names")
    missing = count - len(real)
    # The real union holds a little less than a round million; it is not filled up.
    if missing <= len(real) // 100:
        return Names(real, popular, f"{len(real):,} real listed names")
    return Names(real + made_up(missing), popular, f"{len(real):,} real listed names and {missing:,} generated ones")


def not_listed(names: Names) -> list[str]:
    """The popular names that no list covers, in order."""
    listed = set(names.listed)
    return [name for name in names.popular if not any(suffix in listed for suffix in suffixes(name))]


def suffixes(name: str) -> Iterator[str]:
    """The name, and every name above it."""
    while name:
        yield name
        name = name.partition(".")[2]


def made_up(count: int, seed: int = SEED) -> list[str]:
    """Distinct plausible names; one in nine lies below another, as in real lists."""
    chance = random.Random(seed)
    names: dict[str, None] = {}
    base = ""
    while len(names) < count:
        if base and chance.random() < 0.11:
            names[f"{chance.choice(_HOSTS)}.{base}"] = None
            continue
        parts = chance.choices(_WORDS, k=chance.choice((1, 2, 2, 3)))
        number = str(chance.randrange(10_000)) if chance.random() < 0.6 else ""
        base = f"{chance.choice(('', '-')).join(parts)}{number}.{chance.choice(_ENDS)}"
        names[base] = None
    return list(names)


@cache
def _read(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="ascii", errors="ignore") as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


@cache
def _read_listed(path: Path) -> list[str]:
    """Without names that schoolgate lets no feed close (exam boards, help lines, updates) and those of the public
    suffix list: what is left schoolgate denies, so that one wrong answer shows."""
    protected = set(protected_names(load_settings(environ={})))

    def is_open_always(name: str) -> bool:
        return registrable_domain(name) is None or any(suffix in protected for suffix in suffixes(name))

    return [name for name in _read(path) if not is_open_always(name)]


def _made_up_popular(count: int) -> list[str]:
    chance = random.Random(SEED + 1)
    plain = made_up(count, SEED + 2)
    return [f"{chance.choice(_HOSTS)}.{name}" if chance.random() < 0.6 else name for name in plain]
