"""[server]: where we listen, with how many threads, and where we keep what must survive a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator, model_validator

from schoolgate.config.addresses import ListenAddress, SocketAddress
from schoolgate.config.problems import complaint
from schoolgate.config.section import RESTART, PathFromFile, Section, Whole

DEFAULT_LISTEN = (SocketAddress("127.0.0.1", 5300), SocketAddress("::1", 5300))


class Server(Section):
    listen: Annotated[tuple[ListenAddress, ...], Field(min_length=1)] = Field(
        default=DEFAULT_LISTEN,
        description="Addresses and ports that answer DNS over UDP and TCP.",
        json_schema_extra=RESTART,
    )
    workers: Whole = Field(
        default=0,
        ge=0,
        le=256,
        description="Threads that answer queries; 0 means one for each core.",
        json_schema_extra=RESTART,
    )
    state_dir: PathFromFile = Field(
        default=Path(),
        description="Directory of policy revisions, list snapshots and logs. Default: $SCHOOLGATE_STATE_DIR, else"
        " /var/lib/schoolgate for root, else ~/.local/state/schoolgate.",
        json_schema_extra=RESTART,
    )
    control_socket: PathFromFile = Field(
        default=Path(),
        description="Socket on which the running service takes commands. Default: control.sock in state_dir.",
        json_schema_extra=RESTART,
    )

    operations_socket: PathFromFile = Field(
        default=Path(),
        description="Socket on which `schoolgate control` does operations. Default: operations.sock in state_dir.",
        json_schema_extra=RESTART,
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_directories(cls, raw: object, info: ValidationInfo) -> object:
        if not isinstance(raw, dict):
            return raw
        filled = dict(raw)
        filled.setdefault("state_dir", str((info.context or {}).get("state_dir", "~/.local/state/schoolgate")))
        if isinstance(filled["state_dir"], str):
            for name in ("control", "operations"):
                filled.setdefault(f"{name}_socket", str(Path(filled["state_dir"]) / f"{name}.sock"))
        return filled

    @field_validator("listen")
    @classmethod
    def _listen_once(cls, listen: tuple[SocketAddress, ...]) -> tuple[SocketAddress, ...]:
        twice = sorted({str(one) for one in listen if one.port and listen.count(one) > 1})
        if twice:
            raise complaint(f"{', '.join(twice)} is there twice", "name each address once")
        return listen
