"""The command line of change requests: arguments and help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from schoolgate.cli.exit_codes import epilog
from schoolgate.cli.options import Config, Json, config_of

request_app = typer.Typer(
    no_args_is_help=True, help="Changes of the filter that one person asks for and another one decides."
)


class Action(StrEnum):
    """What is asked."""

    open = "open"
    close = "close"
    other = "other"


class Which(StrEnum):
    """Which requests are listed."""

    all = "all"
    for_me = "for-me"
    mine = "mine"
    open = "open"
    applied = "applied"
    over = "over"


class Choice(StrEnum):
    """What is decided."""

    approve = "approve"
    refuse = "refuse"


Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="The number of the request.")]
What = Annotated[Action, typer.Argument(metavar="ACTION", help=f"One of: {', '.join(Action)}.")]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME...", help="Each with all below it; =games.example.net for that name alone."),
]
Purpose = Annotated[str, typer.Option("--for-what", metavar="TEXT", help="What it is for. Name no pupil.")]
Wanted = Annotated[str, typer.Option("--wanted", metavar="TEXT", help="With other: what is to change.")]
Service = Annotated[str, typer.Option("--service", metavar="ID", help="The names of a service.")]
Segments = Annotated[
    list[str] | None,
    typer.Option("--segment", "-s", metavar="ID", help="For this network. May be repeated. Default: the whole school."),
]
Group = Annotated[str, typer.Option("--group", metavar="TEXT", help="The class or group, such as year 9 art.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="14:30, or 2026-12-18T16:00.")]
Lasts = Annotated[str | None, typer.Option("--for", metavar="SPAN", help="30m, 2h, 7d. Default of an opening: 28d.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the request.")]


@request_app.command("suggest", epilog="schoolgate request suggest open art.example.com -s pupils --for-what 'Art'")
def request_suggest(
    action: What,
    purpose: Purpose,
    names: Names = None,
    segment: Segments = None,
    wanted: Wanted = "",
    service: Service = "",
    group: Group = "",
    until: Until = None,
    lasts: Lasts = None,
    config: Config = None,
) -> None:
    """Suggest a change to the leaders."""
    from schoolgate.cli.commands import requests

    given = {
        "action": action.value, "names": tuple(names or ()), "purpose": purpose, "segments": tuple(segment or ()),
        "wanted": wanted, "service": service, "group": group, "until": until, "lasts": lasts,
    }  # fmt: skip
    requests.changed(config_of(config), "request.suggest", given)


@request_app.command("file", epilog="schoolgate request file open art.example.com -s pupils --for 20d --for-what 'Art'")
def request_file(
    action: What,
    purpose: Purpose,
    names: Names = None,
    segment: Segments = None,
    wanted: Wanted = "",
    service: Service = "",
    group: Group = "",
    starts: Annotated[str | None, typer.Option("--starts", metavar="TIME", help="Not before.")] = None,
    until: Until = None,
    lasts: Lasts = None,
    finding: Annotated[str, typer.Option("--finding", metavar="TEXT", help="What was found at the site.")] = "",
    alternatives: Annotated[str, typer.Option("--alternatives", metavar="TEXT", help="What else was considered.")] = "",
    talk: Annotated[
        str,
        typer.Option("--talk", metavar="TEXT", help="With the School Improvement Team: who, when, what came of it."),
    ] = "",
    number: Annotated[
        int | None, typer.Option("--take-up", metavar="NUMBER", help="The suggestion that is taken up.")
    ] = None,
    config: Config = None,
) -> None:
    """Ask for a change; another person decides it. What is locked or sealed is refused, on record."""
    from schoolgate.cli.commands import requests

    given = {
        "action": action.value, "names": tuple(names or ()), "purpose": purpose, "segments": tuple(segment or ()),
        "wanted": wanted, "service": service, "group": group, "starts": starts, "until": until, "lasts": lasts,
        "finding": finding, "alternatives": alternatives, "outcome": talk, "number": number,
    }  # fmt: skip
    requests.changed(config_of(config), "request.file", given)


@request_app.command("list", epilog="schoolgate request list --which for-me")
def request_list(
    which: Annotated[Which, typer.Option("--which", help=f"One of: {', '.join(Which)}.")] = Which.all,
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="In names or purpose.")] = "",
    most: Annotated[int, typer.Option("--most", "-n", min=1, max=100, help="How many.")] = 25,
    before: Annotated[int | None, typer.Option("--before", metavar="NUMBER", help="Older ones than this.")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List change requests, newest first."""
    from schoolgate.cli.commands import requests

    requests.list_(config_of(config), which.value, text, most, before, as_json)


@request_app.command("show", epilog="schoolgate request show 12 --effect")
def request_show(
    number: Number,
    effect: Annotated[bool, typer.Option("--effect", help="What it would open and close, by the log.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show one request with every step."""
    from schoolgate.cli.commands import requests

    requests.show(config_of(config), number, effect, as_json)


@request_app.command("decide", epilog="schoolgate request decide 12 refuse --reason 'There is a better one'")
def request_decide(
    number: Number,
    choice: Annotated[Choice, typer.Argument(metavar="CHOICE", help=f"One of: {', '.join(Choice)}.")],
    reason: Reason = "",
    conditions: Annotated[str, typer.Option("--conditions", metavar="TEXT", help="Under which it is approved.")] = "",
    config: Config = None,
) -> None:
    """Approve or refuse. A person decides by a session: the console, not a user of this machine."""
    from schoolgate.cli.commands import requests

    requests.decide(config_of(config), number, choice.value, reason, conditions)


@request_app.command("withdraw", epilog="schoolgate request withdraw 12")
def request_withdraw(number: Number, reason: Reason = "", config: Config = None) -> None:
    """Take back what you asked for, while it waits."""
    from schoolgate.cli.commands import requests

    requests.changed(config_of(config), "request.withdraw", {"number": number, "reason": reason})


@request_app.command("renew", epilog="schoolgate request renew 12 --for 28d --reason 'The course goes on'")
def request_renew(
    number: Number, reason: Reason = "", until: Until = None, lasts: Lasts = None, config: Config = None
) -> None:
    """Ask that it goes on; that is decided like the first one."""
    from schoolgate.cli.commands import requests

    given = {"number": number, "reason": reason, "until": until, "lasts": lasts}
    requests.changed(config_of(config), "request.renew", given)


@request_app.command("end", epilog="schoolgate request end 12 --reason 'The course is over'")
def request_end(number: Number, reason: Reason = "", config: Config = None) -> None:
    """End what it opened or closed, before its time."""
    from schoolgate.cli.commands import requests

    requests.end(config_of(config), number, reason)


@request_app.command("bundle", epilog="schoolgate request bundle 12 request-12.json")
def request_bundle(
    number: Number,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not exist.", dir_okay=False)],
    pdf: Annotated[
        Path | None, typer.Option("--pdf", metavar="FILE", help="Also write it to read; FILE is attached to it.")
    ] = None,
    config: Config = None,
) -> None:
    """Write all of a request to a file that any machine can verify. That it was taken is recorded."""
    from schoolgate.cli.commands import requests

    requests.bundle(config_of(config), number, file, pdf)


@request_app.command("check-bundle", epilog=epilog("request check-bundle"))
def request_check_bundle(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle.", dir_okay=False)],
    keys: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="KEY", help="A verifier key from elsewhere (audit checkpoint --key)."),
    ] = None,
) -> None:
    """Verify a bundle on any machine, offline."""
    from schoolgate.cli.commands import requests

    requests.check_bundle(file, tuple(keys or ()))
