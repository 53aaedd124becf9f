"""[policy]: the policy of the very first start. Later policies are applied with `schoolgate policy apply`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from schoolgate.config.section import RESTART, PathFromFile, Section


class FirstPolicy(Section):
    file: PathFromFile | None = Field(
        default=None,
        description="Policy to start with when no policy was ever applied. Default: the template `demo`.",
        json_schema_extra=RESTART,
    )

    def or_template(self, lists_dir: Path) -> Path:
        """The file to read: the one that is set, else the shipped template."""
        return self.file or lists_dir / "policies" / "demo.toml"
