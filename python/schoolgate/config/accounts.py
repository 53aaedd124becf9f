"""[accounts]: how people sign in. No password or secret is here: a client's secret has a file."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, Strict, model_validator

from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RELOAD, PathFromFile, Section, Text, Whole

MOST_PROVIDERS = 8
ProviderId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
RoleName = Literal[
    "network_manager",
    "safeguarding_lead",
    "head",
    "trust_director",
    "teacher",
    "governor",
    "provider",
    "data_protection_officer",
]
_ORIGIN = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?|http://localhost(:\d{1,5})?")


class AppRole(Section):
    role: RoleName = Field(description="The role here.", json_schema_extra=RELOAD)
    scope: str = Field(
        default="trust",
        pattern=r"^(trust|(school|segment):[a-z0-9][a-z0-9._-]{0,62})$",
        description="Where it holds: trust, school:ID or segment:NAME.",
        json_schema_extra=RELOAD,
    )


class IdentityProvider(Section):
    name: Text = Field(
        default="your school account", description="What its button on the sign-in page says.", json_schema_extra=RELOAD
    )
    kind: Literal["plain", "entra", "google"] = Field(
        default="plain",
        description="Whose rules hold besides the standard's (OpenID Connect).",
        json_schema_extra=RELOAD,
    )
    issuer: Text = Field(description="Exactly as in its tokens: https://...", json_schema_extra=RELOAD)
    client_id: Text = Field(description="What the provider calls this installation.", json_schema_extra=RELOAD)
    client_secret_file: PathFromFile = Field(
        description="File with the client's secret, for the service's user alone.", json_schema_extra=RELOAD
    )
    redirect_uri: Text = Field(
        description="The console's address that the provider sends people back to, as registered there.",
        json_schema_extra=RELOAD,
    )
    tenant: str = Field(default="", description="Entra: the tenant that may sign in.", json_schema_extra=RELOAD)
    hosted_domain: str = Field(default="", description="Google: the domain that may sign in.", json_schema_extra=RELOAD)
    vouches_for_factor: Annotated[bool, Strict()] = Field(
        default=False,
        description='true: a token that says "mfa" counts as a second factor.',
        json_schema_extra=RELOAD,
    )
    reads_leavers: Annotated[bool, Strict()] = Field(
        default=False,
        description="true: read the list of people each night, and disable the accounts of those who left. Entra: the"
        " application needs User.Read.All. Google: set directory_key_file and directory_admin.",
        json_schema_extra=RELOAD,
    )
    directory_key_file: PathFromFile | None = Field(
        default=None,
        description="Google: the service account's key in JSON, for the service's user alone.",
        json_schema_extra=RELOAD,
    )
    directory_admin: str = Field(
        default="",
        description="Google: the administrator in whose name users are read.",
        json_schema_extra=RELOAD,
    )
    directory_address: str = Field(
        default="",
        description="Where users are read, if not at the provider's public address: https://...",
        json_schema_extra=RELOAD,
    )
    app_roles: dict[str, AppRole] = Field(
        default={},
        description="What a role in the provider's token is here. ID is its name there.",
        json_schema_extra=RELOAD,
    )

    @model_validator(mode="after")
    def _whose_accounts(self) -> IdentityProvider:
        if self.kind == "entra" and not self.tenant:
            raise complaint("names no tenant", "set tenant: only its accounts may sign in")
        if self.kind == "google" and not self.hosted_domain:
            raise complaint("names no domain", "set hosted_domain: only its accounts may sign in")
        if self.reads_leavers and self.kind == "plain":
            raise complaint("reads_leavers with kind plain", "only entra and google have a directory that is read")
        if self.reads_leavers and self.kind == "google" and not (self.directory_key_file and self.directory_admin):
            raise complaint("reads_leavers without a key", "set directory_key_file and directory_admin")
        return self


class Accounts(Section):
    school: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9._-]{0,62})?$",
        description="The ID of this installation's school: roles in the scope school:ID hold here. Without one, only"
        " roles in the scope trust do.",
        json_schema_extra=RELOAD,
    )
    words: tuple[Text, ...] = Field(
        default=(),
        description="Names that pupils would guess: the school, the trust, the town. No password is built on them.",
        json_schema_extra=RELOAD,
    )
    min_length: Whole = Field(
        default=12, ge=8, le=128, description="Shortest password, with a second factor.", json_schema_extra=RELOAD
    )
    min_length_alone: Whole = Field(
        default=15, ge=8, le=128, description="Shortest password without a second factor.", json_schema_extra=RELOAD
    )
    needs_complexity: Annotated[bool, Strict()] = Field(
        default=False,
        description="true: passwords need three kinds of characters, or three words. National advice is not to ask.",
        json_schema_extra=RELOAD,
    )
    breached_passwords: PathFromFile | None = Field(
        default=None, description="File of passwords known from breaches; read offline.", json_schema_extra=RELOAD
    )
    passkey_domain: str = Field(
        default="",
        pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$",
        description="The console's host name, which passkeys are bound to. Without one there are no passkeys.",
        json_schema_extra=RELOAD,
    )
    passkey_origins: tuple[Text, ...] = Field(
        default=(),
        description="Origins of the console's pages. Default: https:// and passkey_domain.",
        json_schema_extra=RELOAD,
    )
    providers: Annotated[dict[ProviderId, IdentityProvider], Field(max_length=MOST_PROVIDERS)] = Field(
        default={},
        description="Identity providers where people sign in. ID is how an address names it.",
        json_schema_extra=RELOAD,
    )

    @model_validator(mode="after")
    def _origins_of_pages(self) -> Accounts:
        for one in self.passkey_origins:
            if not _ORIGIN.fullmatch(one):
                raise complaint(f"{shown(one)} is no origin of our pages", "write https://NAME or https://NAME:PORT")
        if self.passkey_origins and not self.passkey_domain:
            raise complaint("passkey_origins without passkey_domain", "set passkey_domain to the console's host name")
        return self

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that passkeys are accepted from."""
        return self.passkey_origins or (f"https://{self.passkey_domain}",)
