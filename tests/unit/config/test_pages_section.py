"""[pages]: where they are opened, what they are called, and what is refused before anything is."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schoolgate.config.pages import Pages


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"address": "10.1.0.55"}, "without a certificate the why page is not opened"),
        ({"certificate": "/c.pem"}, "certificate and key belong together"),
        ({"block_addresses": ["10.1.0.55"]}, "nothing says where it is"),
        ({"block_addresses": ["10.1.0.55:80"], "names": ["why.school.example"]}, "not an address alone"),
        ({"why_address": "ftp://why.school.example"}, "not the address of a site"),
        ({"why_address": "https://why.school.example/a\nb"}, "not the address of a site"),
        ({"console_address": "javascript:alert(1)"}, "not the address of a site"),
        ({"help_lines": [{"name": "", "call": "1"}]}, "at least 1"),
        ({"help_lines": [{"name": "A", "call": "1", "site": "javascript:x"}]}, "not the address of a site"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Pages.model_validate(settings)


@pytest.mark.parametrize(
    ("settings", "site"),
    [
        ({}, ""),
        ({"names": ["why.school.example"]}, "http://why.school.example:8054"),
        ({"names": ["why.school.example"], "port": 80}, "http://why.school.example"),
        (
            {"names": ["why.school.example"], "certificate": "/c.pem", "key": "/k.pem", "port": 443},
            "https://why.school.example",
        ),
        ({"names": ["a.example"], "why_address": "https://Why.school.example/"}, "https://why.school.example"),
    ],
)
def test_the_address_that_people_type(settings: dict[str, Any], site: str) -> None:
    assert Pages.model_validate(settings).site_address == site


def test_without_the_section_there_are_no_pages_and_help_lines_are_known() -> None:
    assert not Pages().enabled
    assert [one.name for one in Pages().help_lines] == ["Childline", "Samaritans", "Shout"]
    assert Pages().one_device_segments == ()
