"""[tls]: the certificate of the encrypted doors, as files that an ACME client or an administrator renews."""

from __future__ import annotations

from pydantic import Field, model_validator

from schoolgate.config.problems import complaint
from schoolgate.config.section import RELOAD, PathFromFile, Section


class Tls(Section):
    certificate: PathFromFile | None = Field(
        default=None,
        description="File of the certificate chain in PEM, the server's own first. Read again when it changes.",
        json_schema_extra=RELOAD,
    )
    key: PathFromFile | None = Field(
        default=None,
        description="File of its private key in PEM, without a passphrase. Read again when it changes.",
        json_schema_extra=RELOAD,
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Tls:
        if (self.certificate is None) != (self.key is None):
            raise complaint("certificate and key belong together", "name both files, or none")
        return self
