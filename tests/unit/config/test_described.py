"""Settings describe themselves, so that help and documents cannot fall behind."""

import re
import tomllib
from collections.abc import Iterator
from typing import get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schoolgate.config import Settings, parse, sample


def leaves(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if get_origin(inner) is dict:
            inner = get_args(inner)[1]
        elif inner is not None and get_args(inner) and isinstance(get_args(inner)[0], type):
            inner = get_args(inner)[0]
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            assert field.description, path + name
            yield from leaves(inner, f"{path}{name}.")
        else:
            yield path + name, field


def test_every_setting_is_described_and_says_when_a_change_counts() -> None:
    found = dict(leaves(Settings))
    assert len(found) > 20
    for path, field in found.items():
        assert field.description, path
        assert isinstance(field.json_schema_extra, dict), path
        assert field.json_schema_extra["applies"] in ("restart", "reload"), path


def test_the_sample_is_a_settings_file_that_changes_nothing() -> None:
    text = sample()
    assert parse(text, "sample", environ={}) == parse("", "sample", environ={})
    for path, _ in leaves(Settings):
        assert f"# {path.rpartition('.')[2]} = " in text, path


def test_the_samples_defaults_are_the_defaults() -> None:
    tables = [table for table in sample().split("\n\n") if "[[" not in table and ".ID]" not in table]
    uncommented = re.sub(r"^# ([a-z_]+ = (?!\.\.\.))", r"\1", "\n".join(tables), flags=re.MULTILINE)
    assert tomllib.loads(uncommented)["cache"]["size_mib"] == 20
    assert parse(uncommented, "sample", environ={}) == parse("", "sample", environ={})
