"""The command line of lists and feeds: arguments and help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from schoolgate.cli.exit_codes import epilog
from schoolgate.cli.options import Approved, Config, Json, config_of
from schoolgate.cli.suggestions import suggestions_app
from schoolgate.cli.words import words_app

lists_app = typer.Typer(no_args_is_help=True, help="The lists that policies decide by.")
lists_app.add_typer(suggestions_app, name="suggestions")
lists_app.add_typer(words_app, name="words")
feeds_app = typer.Typer(no_args_is_help=True, help="Lists that others publish: what there is, and what is in use here.")

FeedArgument = Annotated[str, typer.Argument(metavar="ID", help="The feed, such as hagezi-gambling.")]
Key = Annotated[str | None, typer.Option("--key", metavar="KEY", help="Minisign key: unsigned or wrong is refused.")]
AllowHttp = Annotated[bool, typer.Option("--allow-http", help="Let it come without encryption.")]
AllowHost = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="HOST", help="Let this host have a private or own address. May be repeated."),
]
Credential = Annotated[
    Path | None,
    typer.Option(
        "--credential-file",
        metavar="FILE",
        help="Its text is sent as the Authorization header, or stands for {credential} in the address.",
        dir_okay=False,
    ),
]


class PhaseOption(StrEnum):
    """Ages that a school teaches, as in lists/recommended.toml."""

    early_years = "early-years"
    primary = "primary"
    secondary = "secondary"
    sixth_form = "sixth-form"


Phases = Annotated[
    list[PhaseOption] | None, typer.Option("--phase", help="Ages that you teach. May be repeated. Default: all.")
]


class Match(StrEnum):
    """How far a name reaches."""

    suffix = "suffix"
    exact = "exact"


@lists_app.command("build")
def lists_build(config: Config = None) -> None:
    """Compile all lists into a new snapshot, prove it, and have the running service use it. Fetches nothing."""
    from schoolgate.cli.commands import lists

    lists.build_lists(config_of(config))


@lists_app.command("show")
def lists_show(as_json: Json = False, config: Config = None) -> None:
    """Show which lists are in the current snapshot, how many names each holds, and how old the feeds truly are."""
    from schoolgate.cli.commands import lists

    lists.show(config_of(config), as_json)


@lists_app.command(
    "update",
    epilog=epilog("lists update"),
)
def lists_update(
    feeds: Annotated[
        list[str] | None, typer.Argument(metavar="[FEED]...", help="These feeds only, due or not.")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="FEED", help="Take it however much it shrank or grew. May be repeated."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Ask for every feed, due or not.")] = False,
    events: Annotated[bool, typer.Option("--events", help="Print progress as JSON lines, for programs.")] = False,
    config: Config = None,
) -> None:
    """Fetch the feeds that are due, guard, compile and publish them, and have the running service use them."""
    from schoolgate.cli.commands import lists_update as update

    code = update.update(config_of(config), tuple(feeds or ()), tuple(accept or ()), force, events)
    raise typer.Exit(code)


@lists_app.command("unpin")
def lists_unpin(config: Config = None) -> None:
    """Let updates publish again after a rollback."""
    from schoolgate.cli.commands import lists_update as update

    update.unpin(config_of(config))


@lists_app.command("history")
def lists_history(
    most: Annotated[int, typer.Option("--most", metavar="N", min=1, help="Events shown.")] = 30,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show what happened to the lists, newest first."""
    from schoolgate.cli.commands import list_history as past

    past.history(config_of(config), as_json, most)


@lists_app.command("diff", epilog="schoolgate lists diff 41 42")
def lists_diff(
    before: Annotated[int, typer.Argument(metavar="A", help="The older serial.")],
    after: Annotated[int, typer.Argument(metavar="B", help="The newer serial.")],
    most: Annotated[int, typer.Option("--most", metavar="N", min=0, help="Names shown of each kind.")] = 50,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show the names that came and went between two serials, first those that were asked for in the last week."""
    from schoolgate.cli.commands import list_history as past

    past.diff(config_of(config), before, after, most, as_json)


@lists_app.command("rollback")
def lists_rollback(
    serial: Annotated[int | None, typer.Argument(metavar="[SERIAL]", help="Default: the one before.")] = None,
    request: Approved = None,
    config: Config = None,
) -> None:
    """Put an earlier snapshot in force and hold it until `lists unpin`."""
    from schoolgate.cli.commands import list_history as past

    past.rollback(config_of(config), serial, request)


@lists_app.command("why", epilog="schoolgate lists why www.example.org")
def lists_why(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A domain name, or an address.")],
    serial: Annotated[int | None, typer.Option("--serial", metavar="N", help="Default: the current one.")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show every line of every list that speaks of a name or an address: feed, line, date, rule and category."""
    from schoolgate.cli.commands import list_history as past

    past.why(config_of(config), name, serial, as_json)


@feeds_app.command("list")
def feeds_list(
    in_use: Annotated[bool, typer.Option("--in-use", help="Only those in use.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show the feeds of the catalogue and the school's own."""
    from schoolgate.cli.commands import feeds

    feeds.list_feeds(config_of(config), as_json, in_use)


@feeds_app.command("show")
def feeds_show(feed: FeedArgument, as_json: Json = False, config: Config = None) -> None:
    """Show everything known of one feed."""
    from schoolgate.cli.commands import feeds

    feeds.show(config_of(config), feed, as_json)


@feeds_app.command("recommend", epilog="schoolgate feeds recommend --phase primary")
def feeds_recommend(phase: Phases = None, as_json: Json = False, config: Config = None) -> None:
    """Show the feeds that a school should begin with: what they hold, whose they are, under which licence, and why."""
    from schoolgate.cli.commands import recommended

    recommended.recommend(config_of(config), tuple(one.value for one in phase or ()), as_json)


@feeds_app.command(
    "enable",
    epilog="schoolgate feeds enable hagezi-gambling --accept-licence\n\n"
    "schoolgate feeds enable --recommended --accept-licences --phase primary",
)
def feeds_enable(
    feed: Annotated[str | None, typer.Argument(metavar="[ID]", help="The feed, such as hagezi-gambling.")] = None,
    all_recommended: Annotated[
        bool, typer.Option("--recommended", help="All that `feeds recommend` shows, instead of one.")
    ] = False,
    phase: Phases = None,
    accept: Annotated[
        bool, typer.Option("--accept-licence", "--accept-licences", help="You have read the licence, or all of them.")
    ] = False,
    key: Key = None,
    allow_http: AllowHttp = False,
    allow_host: AllowHost = None,
    credential_file: Credential = None,
    config: Config = None,
) -> None:
    """Show a feed's licence and, once it is accepted, use the feed."""
    from schoolgate.cli.commands import feeds, recommended

    if (feed is None) != all_recommended:
        raise typer.BadParameter("name one feed, or say --recommended", param_hint="ID")
    terms = feeds.terms_of(key, allow_http, tuple(allow_host or ()), credential_file)
    if feed is not None:
        if phase:
            raise typer.BadParameter("goes with --recommended", param_hint="--phase")
        feeds.enable(config_of(config), feed, accept, terms)
        return
    if terms != feeds.terms_of():
        raise typer.BadParameter("says how one feed is fetched; enable that one by its ID", param_hint="--recommended")
    recommended.enable(config_of(config), tuple(one.value for one in phase or ()), accept)


@feeds_app.command("disable")
def feeds_disable(feed: FeedArgument, request: Approved = None, config: Config = None) -> None:
    """Switch a feed off and remember it."""
    from schoolgate.cli.commands import feeds

    feeds.disable(config_of(config), feed, request)


@feeds_app.command("remove")
def feeds_remove(feed: FeedArgument, request: Approved = None, config: Config = None) -> None:
    """Forget a feed."""
    from schoolgate.cli.commands import feeds

    feeds.remove(config_of(config), feed, request)


@feeds_app.command("except", epilog='schoolgate feeds except ut1-games lessons.example.org --reason "used in maths"')
def feeds_except(
    feed: FeedArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="It and all below it are left out of the feed.")],
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why it is a false hit.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the exception back.")] = False,
    request: Approved = None,
    config: Config = None,
) -> None:
    """Leave a name out of a feed: a false hit. Other lists, locks and rules of the school close it as before."""
    from schoolgate.cli.commands import feed_exceptions

    feed_exceptions.leave_out(config_of(config), feed, name, reason, remove, request)


@feeds_app.command("add", epilog="schoolgate feeds add https://lists.example.org/games.txt --category games")
def feeds_add(
    place: Annotated[str, typer.Argument(metavar="URL|FILE|FOLDER", help="Where the list is.")],
    category: Annotated[str, typer.Option("--category", metavar="ID", help="The category its names belong to.")],
    feed_id: Annotated[str | None, typer.Option("--id", metavar="ID", help="Default: from its name.")] = None,
    dialect: Annotated[
        str | None,
        typer.Option(
            "--dialect",
            metavar="DIALECT",
            help="hosts, domains, wildcard, adblock, dnsmasq, unbound, rpz, csv, csv:COLUMN, json, json:KEY or plain;"
            " otherwise found out.",
        ),
    ] = None,
    match: Annotated[Match, typer.Option("--match", help="Whether a name stands for all below it.")] = Match.suffix,
    refresh_h: Annotated[int, typer.Option("--refresh-h", metavar="N", min=1, max=744, help="Hours.")] = 24,
    key: Key = None,
    allow_http: AllowHttp = False,
    allow_host: AllowHost = None,
    credential_file: Credential = None,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Do not read it now: the next update does.")] = False,
    config: Config = None,
) -> None:
    """Use a list of your own choice, once it was read as an update reads it."""
    from schoolgate.cli.commands import feeds

    shape = feeds.Shape(category, feed_id, dialect, match.value, refresh_h)
    terms = feeds.terms_of(key, allow_http, tuple(allow_host or ()), credential_file)
    feeds.add(config_of(config), place, shape, terms, not unchecked)
