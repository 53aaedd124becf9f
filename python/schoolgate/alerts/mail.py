"""A message by mail: plain text (a report may bring HTML of its own), to one recipient at a time.

Nothing that came out of the log can become a header: headers are built of our own words, and the library refuses line
ends.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

import aiosmtplib

from schoolgate.alerts.delivery_failed import DeliveryFailed
from schoolgate.alerts.messages import Message, one_line
from schoolgate.alerts.secret_files import read_secret
from schoolgate.config import Settings
from schoolgate.config.webhooks import is_loopback

# A mail server that does not answer keeps an urgent alert from other recipients no longer than this.
TIMEOUT_S = 15.0
CREDENTIAL = "mail-password"


def compose(message: Message, sender: str, recipient: str, attempt: int) -> EmailMessage:
    """The mail as it goes out. The same message has the same Message-ID at each attempt."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address("schoolgate", addr_spec=sender)
    mail["To"] = Address(addr_spec=recipient)
    mail["Subject"] = one_line(message.subject)
    mail["Date"] = dt.datetime.fromisoformat(message.made_at)
    mail["Message-ID"] = f"<{_id_text(message.key)}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
    mail["Schoolgate-Attempt"] = str(attempt)
    if message.urgency == "urgent":
        mail["Importance"] = "high"
        mail["X-Priority"] = "1"
    text = message.text
    if attempt > 1:
        text += "\nThis message was tried before; you may have it already.\n"
    mail.set_content(text, cte="quoted-printable")
    if message.html is not None:
        mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
    return mail


def _id_text(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


async def send_mail(settings: Settings, message: Message, recipient: str, attempt: int) -> None:
    """Raises `DeliveryFailed`; `is_final` when trying again cannot help."""
    mail = settings.mail
    if not mail.host:
        raise DeliveryFailed("there is no mail server; set mail.host in schoolgate.toml", is_final=False)
    password = read_secret(mail.password_file, CREDENTIAL, "the mail password") if mail.user else None
    if mail.user and password is None:
        raise DeliveryFailed("mail.user is set and there is no password; set mail.password_file", is_final=False)
    if mail.user and mail.tls == "none" and not is_loopback(mail.host):
        raise DeliveryFailed("the password would cross the network in the clear; set mail.tls", is_final=False)
    try:
        await aiosmtplib.send(
            compose(message, mail.sender, recipient, attempt),
            sender=mail.sender,
            recipients=[recipient],
            hostname=mail.host,
            port=mail.port_or_default,
            username=mail.user or None,
            password=password,
            use_tls=mail.tls == "tls",
            start_tls=mail.tls == "starttls",
            tls_context=ssl.create_default_context() if mail.tls != "none" else None,
            timeout=TIMEOUT_S,
        )
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
        raise DeliveryFailed(_said(error, mail.host, mail.port_or_default), is_final=_is_final(error)) from error


def _is_final(error: BaseException) -> bool:
    """A recipient that the server knows it has not (5yz, RFC 5321 section 4.2.1). A refused password may be mended."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(one.code >= 500 for one in error.recipients)
    return isinstance(error, aiosmtplib.SMTPRecipientRefused) and error.code >= 500


def _said(error: BaseException, host: str, port: int) -> str:
    where = f"mail server {host} port {port}"
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return f"{where} refuses the recipient: " + "; ".join(f"{one.code} {one.message}" for one in error.recipients)
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return f"{where} refuses user or password: {error.code} {error.message}"
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{where} answered {error.code} {error.message}"
    if isinstance(error, (TimeoutError, aiosmtplib.SMTPTimeoutError)):
        return f"{where} did not answer within {TIMEOUT_S:.0f} s"
    return f"{where}: {error}"
