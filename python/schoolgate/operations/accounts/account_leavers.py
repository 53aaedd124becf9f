"""People who left the school: what the directories said last, and reading them now."""

from __future__ import annotations

from schoolgate.accounts.errors import DirectoryUnusable
from schoolgate.config.problems import did_you_mean
from schoolgate.operations.accounts import leavers_reading
from schoolgate.operations.accounts.leavers_reading import Reading
from schoolgate.operations.registry import changes, looks
from schoolgate.operations.work import Work


@looks("account.leavers")
def last(work: Work) -> tuple[Reading, ...]:
    """The last reading of each directory; none where no provider sets `reads_leavers`."""
    return tuple(leavers_reading.last_readings(work.settings))


@changes("account.read_leavers")
async def read(work: Work, provider: str | None = None, accept_many: bool = False) -> tuple[Reading, ...]:
    """Reads the directories now and disables the accounts of people who left.

    `accept_many`: also where many left at once, which otherwise waits. Raises `DirectoryUnusable` where none is read.
    """
    known = list(leavers_reading.reads(work.settings))
    if not known:
        raise DirectoryUnusable("no provider sets reads_leavers; set it in [accounts.providers.ID]")
    if provider is not None and provider not in known:
        raise DirectoryUnusable(f"no directory of {provider!r} is read; {did_you_mean(provider, known)}")
    wanted = known if provider is None else [provider]
    store = await work.store()
    return tuple(await leavers_reading.read_now(store, work.settings, wanted, work.now_us, accepts_many=accept_many))
