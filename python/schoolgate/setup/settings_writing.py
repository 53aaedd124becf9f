"""Answers as the text of schoolgate.toml. Only what an answer changes is written: the rest of the file stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tomlkit
import tomlkit.items

from schoolgate.config import Settings
from schoolgate.config.forwarder_address import as_setting, from_short, in_short
from schoolgate.setup.answers import BackupAnswer, MailAnswer, SetupAnswers

_HEAD = "Written by `schoolgate setup`. Every other setting: schoolgate config sample"


def settings_text(answers: SetupAnswers, text: str, settings: Settings, *, is_new: bool) -> str:
    """The settings that these answers ask for; `text` is what `settings` were read from, and stays the same where
    they change nothing. `is_new`: there is no file yet, so it says where the state is, for every user's command."""
    document = tomlkit.parse(text)
    changes = list(_changes(answers, settings))
    if is_new:
        document.add(tomlkit.comment(_HEAD))
        changes.insert(0, (("server", "state_dir"), str(settings.server.state_dir)))
    for path, value in changes:
        _put(document, path, value)
    return tomlkit.dumps(document)


def _changes(answers: SetupAnswers, settings: Settings) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each setting that changes; None takes it out."""
    if answers.listen != tuple(map(str, settings.server.listen)):
        yield ("server", "listen"), list(answers.listen)
    servers = {in_short(one): one for one in settings.forwarders.servers}
    if answers.forwarders != tuple(servers):
        # One that stays keeps what no question asks for, such as its pins.
        wanted = [as_setting(servers.get(one) or from_short(one)) for one in answers.forwarders]
        yield ("forwarders", "servers"), _inline(wanted)
    there = mail_of(settings)
    for name, value in answers.mail:
        if value != getattr(there, name):
            yield ("mail", name), value if value != "" or name == "host" else None
    yield from _backup(answers.backup, settings)


def _inline(values: list[str | dict[str, Any]]) -> tomlkit.items.Array:
    """An array with a line for each table in it."""
    array = tomlkit.array()
    for one in values:
        if isinstance(one, str):
            array.append(one)
        else:
            table = tomlkit.inline_table()
            table.update(one)
            array.append(table)
    return array.multiline(any(isinstance(one, dict) for one in values))


def mail_of(settings: Settings) -> MailAnswer:
    """What the settings answer."""
    mail = settings.mail
    password = "" if str(mail.password_file) == "." else str(mail.password_file)
    return MailAnswer(
        host=mail.host, port=mail.port, tls=mail.tls, user=mail.user, password_file=password, sender=mail.sender
    )


def backup_of(settings: Settings) -> BackupAnswer:
    """What the settings answer: their first target in a directory. Other targets stay as they are."""
    for name, one in settings.backup.targets.items():
        if one.kind == "folder" or one.kind == "medium":
            return BackupAnswer(kind=one.kind, folder=str(one.folder), name=name)
    return BackupAnswer()


def _backup(wanted: BackupAnswer, settings: Settings) -> Iterator[tuple[tuple[str, ...], Any]]:
    there = backup_of(settings)
    if wanted == there or wanted.kind == there.kind == "none":
        return
    if there.kind != "none" and (wanted.kind == "none" or wanted.name != there.name):
        yield ("backup", "targets", there.name), None
    if wanted.kind != "none":
        yield ("backup", "targets", wanted.name, "kind"), wanted.kind
        yield ("backup", "targets", wanted.name, "folder"), wanted.folder


def _put(document: tomlkit.TOMLDocument, path: tuple[str, ...], value: Any) -> None:
    table: Any = document
    for depth, key in enumerate(path[:-1]):
        if key not in table:
            if value is None:
                return
            # A table of tables alone is written without a head of its own.
            table[key] = tomlkit.table(is_super_table=0 < depth < len(path) - 2 or path[:1] == ("backup",) == (key,))
        table = table[key]
    if value is not None:
        table[path[-1]] = value
    elif path[-1] in table:
        del table[path[-1]]
