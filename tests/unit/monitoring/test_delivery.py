"""Messages reach real servers on loopback, or say exactly why not; nothing a name contains becomes more than text."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import hmac
import socket
import ssl
import subprocess
from email.utils import parsedate_to_datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.monitoring.conftest import NOW
from tests.unit.monitoring.receivers import MORE_THAN_A_SOCKET_HOLDS_OCTETS, Mailbox, free_port, mail_server, webhook

from schoolgate.alerts import mail as mailing
from schoolgate.alerts import webhook as hooks
from schoolgate.alerts.alert import Alert
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.delivery import Delivery, deliver
from schoolgate.alerts.delivery_failed import DeliveryFailed
from schoolgate.alerts.messages import Message, about
from schoolgate.alerts.outbox import RETRY_AFTER_S, Outbox
from schoolgate.config import Settings, parse
from schoolgate.privacy.defang import defang

LEAD = "lead@school.example"
SIGN_IN = 'tls = "none"\nuser = "dns"\npassword_file = "password"'
LONDON = ZoneInfo("Europe/London")
HOSTILE = "x\r\nbcc: victim@example.com\r\n\r\n<a href='http://evil.example/'>[click](http://evil.example)"


def settings(text: str, tmp_path: Path) -> Settings:
    return parse(text, "test", tmp_path, {})


def alert(**values: object) -> Alert:
    given: dict[str, object] = {
        "id": 7, "rule": "harm", "urgency": "urgent", "severity": "urgent", "detector": "attempt",
        "category": "self-harm",
        "segment": "pupils", "client": "p-a", "state": "new", "opened_at": NOW, "last_at": NOW, "count": 1,
        "sentence": "A device asked.", "names": ("www.example.com",), "evidence": {"questions": 1}, "outcome": None,
        "escalated_at": None,
    }  # fmt: skip
    return Alert(**(given | values))  # type: ignore[arg-type]


def message(**values: object) -> Message:
    return about(alert(**values), "alert-7-urgent", LONDON, NOW)


def to_mailbox(box: Mailbox, tmp_path: Path, more: str = 'tls = "none"') -> Settings:
    return settings(f'[mail]\nhost = "127.0.0.1"\nport = {box.port}\nsender = "dns@school.example"\n{more}\n', tmp_path)


# -- mail -------------------------------------------------------------------------------------------------------------


async def test_a_mail_arrives_with_its_marks(tmp_path: Path) -> None:
    with mail_server() as box:
        await deliver(to_mailbox(box, tmp_path), LEAD, message(), 1)
    (mail,) = box.mails
    assert box.recipients == [LEAD]
    assert mail["Subject"] == "[schoolgate] urgent: self-harm, network pupils"
    assert mail["Message-ID"] == f"<{hashlib.sha256(b'alert-7-urgent').hexdigest()[:32]}@school.example>"
    assert mail["Schoolgate-Attempt"] == "1"
    assert mail["Importance"] == "high"
    assert parsedate_to_datetime(mail["Date"]) == NOW
    text = mail.get_content()
    assert "www[.]example[.]com" in text
    assert "p-a" in text
    assert "09:00:00 GMT" in text
    assert "http" not in text
    assert mail.get_content_type() == "text/plain"


@pytest.mark.parametrize("field", ["names", "segment", "client", "category", "sentence"])
async def test_nothing_a_hostile_word_holds_becomes_a_header_or_a_link(field: str, tmp_path: Path) -> None:
    value = (HOSTILE,) if field == "names" else HOSTILE
    with mail_server() as box:
        await deliver(to_mailbox(box, tmp_path), LEAD, message(**{field: value}), 1)
    (mail,) = box.mails
    assert "bcc" not in {name.lower() for name in mail.keys()}  # noqa: SIM118 - an EmailMessage, not a dict
    assert box.recipients == [LEAD]
    if field == "names":
        assert "http://" not in mail.get_content()
        assert "evil.example" not in mail.get_content()


@given(st.text(max_size=300))
def test_an_unlinked_name_is_one_line_without_markup_or_link(name: str) -> None:
    text = defang(name)
    assert all(one.isascii() and one.isprintable() and one not in "<>()@:/&\"'`| " for one in text)
    assert "." not in text.replace("[.]", "").removesuffix("...")


@given(st.text(max_size=300), st.text(max_size=50))
def test_headers_hold_no_more_than_they_were_given(subject: str, key: str) -> None:
    made = mailing.compose(Message(key, subject, "text", NOW.isoformat()), "dns@school.example", LEAD, 1)
    head = bytes(made).partition(b"\r\n\r\n")[0].decode()
    names = [line.partition(":")[0] for line in head.split("\r\n") if not line.startswith((" ", "\t"))]
    assert names[:6] == ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"]
    assert len(names) == 10


def test_a_report_brings_html_beside_the_text() -> None:
    made = mailing.compose(Message("k", "s", "text", NOW.isoformat(), html="<p>text</p>"), "a@b.example", LEAD, 1)
    assert [part.get_content_type() for part in made.iter_parts()] == ["text/plain", "text/html"]


async def test_a_repeat_says_that_it_is_one(tmp_path: Path) -> None:
    with mail_server() as box:
        await deliver(to_mailbox(box, tmp_path), LEAD, message(), 2)
    (mail,) = box.mails
    assert mail["Schoolgate-Attempt"] == "2"
    assert "you may have it already" in mail.get_content()


async def test_it_signs_in_with_the_password_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("right\n", encoding="utf-8")
    (tmp_path / "password").chmod(0o600)
    with mail_server(wants_password=True) as box:
        await deliver(to_mailbox(box, tmp_path, SIGN_IN), LEAD, message(), 1)
    assert box.signed_in == [b"right"]


async def refusal(wanted: Settings, recipient: str = LEAD) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as caught:
        await deliver(wanted, recipient, message(), 1)
    return caught.value


async def test_a_wrong_password_is_named_and_may_be_mended(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong", encoding="utf-8")
    (tmp_path / "password").chmod(0o600)
    with mail_server(wants_password=True) as box:
        error = await refusal(to_mailbox(box, tmp_path, SIGN_IN))
    assert "refuses user or password" in str(error)
    assert "wrong" not in str(error)
    assert not error.is_final


@pytest.mark.parametrize(
    ("mode", "content", "said"), [(0o644, "right", "chmod 600"), (0o600, "", "holds no"), (0o600, "a\nb", "holds no")]
)
async def test_a_password_that_others_read_or_that_is_none_is_refused(
    mode: int, content: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(content, encoding="utf-8")
    (tmp_path / "password").chmod(mode)
    wanted = settings('[mail]\nhost = "127.0.0.1"\ntls = "none"\nuser = "dns"\npassword_file = "password"\n', tmp_path)
    assert said in str(await refusal(wanted))


async def test_the_service_managers_credential_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mail-password").write_text("right", encoding="utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with mail_server(wants_password=True) as box:
        await deliver(to_mailbox(box, tmp_path, 'tls = "none"\nuser = "dns"'), LEAD, message(), 1)
    assert box.signed_in == [b"right"]


async def test_a_recipient_the_server_does_not_know_is_for_good(tmp_path: Path) -> None:
    with mail_server() as box:
        box.refused.add(LEAD)
        error = await refusal(to_mailbox(box, tmp_path))
    assert error.is_final
    assert "550" in str(error)


async def test_no_server_and_a_closed_port_and_no_starttls_are_named(tmp_path: Path) -> None:
    assert "set mail.host" in str(await refusal(settings("", tmp_path)))
    closed = f'[mail]\nhost = "127.0.0.1"\nport = {free_port()}\ntls = "none"\n'
    assert "mail server 127.0.0.1" in str(await refusal(settings(closed, tmp_path)))
    with mail_server() as box:
        error = await refusal(to_mailbox(box, tmp_path, 'tls = "starttls"'))
        assert "STARTTLS" in str(error).upper()
        assert box.mails == []


async def test_a_server_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailing, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        wanted = f'[mail]\nhost = "127.0.0.1"\nport = {deaf.getsockname()[1]}\ntls = "none"\n'
        error = await refusal(settings(wanted, tmp_path))
    assert "did not answer" in str(error)
    assert not error.is_final


async def test_tls_is_checked_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    command = [*made, "-keyout", str(key), "-out", str(certificate)]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    with mail_server(tls_context=server_side, require_starttls=True) as box:
        error = await refusal(to_mailbox(box, tmp_path, 'tls = "starttls"'))
        assert "certificate" in str(error).lower()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        await deliver(to_mailbox(box, tmp_path, 'tls = "starttls"'), LEAD, message(), 1)
    assert len(box.mails) == 1


# -- webhooks ---------------------------------------------------------------------------------------------------------


def to_hook(url: str, tmp_path: Path, more: str = "") -> Settings:
    return settings(f'[webhooks.it]\nurl = "{url}"\n{more}\n', tmp_path)


async def test_a_signed_post_arrives_and_the_signature_holds(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sesame", encoding="utf-8")
    (tmp_path / "key").chmod(0o600)
    async with webhook() as hook:
        await deliver(to_hook(hook.url, tmp_path, 'secret_file = "key"'), "webhook:it", message(), 3)
    (body,), (headers,) = hook.bodies, hook.headers
    assert (body["severity"], body["segment"], body["names"]) == ("urgent", "pupils", ["www[.]example[.]com"])
    assert headers["Idempotency-Key"] == body["key"] == "alert-7-urgent"
    assert headers["Schoolgate-Attempt"] == "3"
    stamp, _, digest = headers["Schoolgate-Signature"].removeprefix("t=").partition(",v1=")
    assert hmac.compare_digest(
        hmac.new(b"sesame", f"{stamp}.".encode() + hook.raw[0], hashlib.sha256).hexdigest(), digest
    )


@pytest.mark.parametrize("kind", ["teams", "slack"])
async def test_what_teams_and_slack_take_has_no_link_and_no_markup(kind: str, tmp_path: Path) -> None:
    async with webhook() as hook:
        wanted = to_hook(hook.url, tmp_path, f'kind = "{kind}"')
        await deliver(wanted, "webhook:it", message(names=(HOSTILE,), segment="<!channel> [x](http://evil.example)"), 1)
    (body,) = hook.bodies
    if kind == "slack":
        assert all(block["text"]["type"] == "plain_text" for block in body["blocks"])
        assert "<!channel>" not in body["text"]
    else:
        card = body["attachments"][0]["content"]
        assert card["type"] == "AdaptiveCard"
        assert all(block["type"] == "TextBlock" for block in card["body"])
        assert "[x](" not in card["body"][0]["text"]


@pytest.mark.parametrize(
    ("status", "said", "is_final"),
    [(302, "elsewhere", False), (500, "500", False), (410, "410", True), (404, "404", False)],
)
async def test_an_answer_that_is_no_success_is_named(status: int, said: str, is_final: bool, tmp_path: Path) -> None:
    async with webhook() as hook:
        hook.statuses = [status]
        error = await refusal(to_hook(hook.url, tmp_path), "webhook:it")
        assert said in str(error)
        assert error.is_final is is_final
        assert len(hook.bodies) == 1, "a redirect is not followed"


async def test_an_endless_answer_is_not_read(tmp_path: Path) -> None:
    async with webhook() as hook:
        hook.is_endless = True
        await deliver(to_hook(hook.url, tmp_path), "webhook:it", message(), 1)
    assert len(hook.bodies) == 1
    assert hook.sent_octets < MORE_THAN_A_SOCKET_HOLDS_OCTETS, "the client read until the receiver gave up"


async def test_a_receiver_that_says_nothing_is_given_up_and_its_address_kept_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        error = await refusal(to_hook(f"http://127.0.0.1:{port}/secret", tmp_path), "webhook:it")
    assert "did not answer" in str(error)
    closed = await refusal(to_hook(f"http://127.0.0.1:{free_port()}/secret", tmp_path), "webhook:it")
    assert "secret" not in f"{error} {closed}"


async def test_an_address_from_a_file_is_held_to_the_same_rules(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("http://hooks.example.com/secret", encoding="utf-8")
    (tmp_path / "url").chmod(0o600)
    error = await refusal(settings('[webhooks.it]\nurl_file = "url"\n', tmp_path), "webhook:it")
    assert "http" in str(error)
    assert "secret" not in str(error)


async def test_a_webhook_nobody_described_is_named(tmp_path: Path) -> None:
    assert "[webhooks.nobody]" in str(await refusal(settings("", tmp_path), "webhook:nobody"))


# -- the outbox, by a fake clock --------------------------------------------------------------------------------------


def put(store: AlertStore, outbox: Outbox, now: dt.datetime = NOW) -> None:
    with store.transaction() as db:
        outbox.put(db, [LEAD], message(), now)


async def test_a_dead_server_is_tried_for_a_day_and_then_it_is_a_dead_letter(
    store: AlertStore, outbox: Outbox, tmp_path: Path
) -> None:
    closed = settings(f'[mail]\nhost = "127.0.0.1"\nport = {free_port()}\ntls = "none"\n', tmp_path)
    delivery = Delivery(outbox, lambda: closed)
    put(store, outbox)
    now, tried = NOW, 0
    for second in range(0, 2 * 86400, 5):
        now = NOW + dt.timedelta(seconds=second)
        tried += await delivery.step(now) if second < 60 or second % 600 == 0 else 0
    assert tried == len(RETRY_AFTER_S) + 1
    (letter,) = outbox.undelivered()
    assert (letter["state"], letter["attempts"]) == ("dead", 13)
    assert "mail server 127.0.0.1" in letter["error"]


async def test_an_urgent_message_is_tried_three_times_within_a_minute(
    store: AlertStore, outbox: Outbox, tmp_path: Path
) -> None:
    closed = settings(f'[mail]\nhost = "127.0.0.1"\nport = {free_port()}\ntls = "none"\n', tmp_path)
    put(store, outbox)
    tried = [await Delivery(outbox, lambda: closed).step(NOW + dt.timedelta(seconds=second)) for second in range(60)]
    assert sum(tried) >= 3


async def test_a_server_that_comes_back_gets_it_once(store: AlertStore, outbox: Outbox, tmp_path: Path) -> None:
    put(store, outbox)
    with mail_server() as box:
        box.answers = ["451 4.3.0 later"]
        delivery = Delivery(outbox, lambda: to_mailbox(box, tmp_path))
        for second in range(60):
            await delivery.step(NOW + dt.timedelta(seconds=second))
    (mail,) = box.mails
    assert mail["Schoolgate-Attempt"] == "2"
    assert outbox.counts() == {"sent": 1}
    assert outbox.undelivered() == []


async def test_killed_between_sending_and_writing_it_down_it_is_sent_once_more_and_marked(
    outbox: Outbox, store: AlertStore, tmp_path: Path
) -> None:
    put(store, outbox)
    with mail_server() as box:
        (due,) = outbox.due(NOW, 10)
        await deliver(to_mailbox(box, tmp_path), due.recipient, due.message, due.attempt)
        # SIGKILL here: `sent` was never written. Another process opens the file.
        other = AlertStore.open(store.path)
        later = NOW + dt.timedelta(seconds=6)
        await Delivery(Outbox(other), lambda: to_mailbox(box, tmp_path)).step(later)
        await Delivery(Outbox(other), lambda: to_mailbox(box, tmp_path)).step(later + dt.timedelta(days=1))
        other.close()
    assert [mail["Schoolgate-Attempt"] for mail in box.mails] == ["1", "2"]
    assert len({mail["Message-ID"] for mail in box.mails}) == 1


async def test_a_recipient_refused_for_good_is_a_dead_letter_at_once(
    store: AlertStore, outbox: Outbox, tmp_path: Path
) -> None:
    put(store, outbox)
    with mail_server() as box:
        box.refused.add(LEAD)
        await Delivery(outbox, lambda: to_mailbox(box, tmp_path)).step(NOW)
    assert outbox.counts() == {"dead": 1}


def test_the_same_key_is_the_same_message(store: AlertStore, outbox: Outbox) -> None:
    put(store, outbox)
    put(store, outbox)
    assert outbox.counts() == {"waiting": 1}


async def test_a_servers_words_are_shown_without_what_a_terminal_would_obey(tmp_path: Path) -> None:
    with mail_server() as box:
        box.answers = ["554 \x1b[2Jgo away\x07"]
        error = await refusal(to_mailbox(box, tmp_path))
    assert str(error).isprintable()
    assert "go away" in str(error)


@pytest.mark.parametrize(
    ("segment", "client", "said"),
    [("pupils", "p-a", "network pupils"), ("", "p-a", "a device of no network"), ("", "", "the whole school")],
)
def test_it_says_where(segment: str, client: str, said: str) -> None:
    assert said in message(segment=segment, client=client).subject
