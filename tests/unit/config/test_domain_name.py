"""Domain names in normal form."""

import pytest
from pydantic_core import PydanticCustomError

from schoolgate.config.domain_name import parse_domain_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.ORG.", "example.org"),
        (" example.org ", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("例え。example", "xn--r8jz45g.example"),
        ("\uff25\uff38\uff21\uff2d\uff30\uff2c\uff25.org", "example.org"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("_dns.resolver.arpa", "_dns.resolver.arpa"),
        ("a-.example", "a-.example"),
        ("zip", "zip"),
        ("1.2.3.4.in-addr.arpa", "1.2.3.4.in-addr.arpa"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_a_name_in_any_script_has_one_normal_form(text: str, name: str) -> None:
    assert parse_domain_name(text) == name


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("https://user@www.Example.org:8443/path", '"www.example.org"'),
        ("*.example.org", '"example.org"'),
        (".example.org", '"example.org"'),
        ("192.0.2.1", "domain name"),
        ("2001:db8::1", "domain name"),
        ("example..org", "single dots"),
        ("exa mple.org", "letters"),
        ("exam\\.ple.org", "letters"),
        ("exa$mple.org", "letters"),
        ("xn--.example", "xn--"),
        ("xn--abc-.example", "xn--"),
        ("", "example.org"),
        (".", "example.org"),
        ("a" * 64 + ".example", "shorter"),
        ("a." * 127 + "example", "shorter"),
        ("😀\u200d.example", "xn--"),
        ("a\x00b.example", "letters"),
        ("a\nb.example", "letters"),
    ],
)
def test_what_is_no_name_is_refused_with_the_form_that_was_meant(text: str, hint: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        parse_domain_name(text)
    assert refused.value.context is not None
    assert hint in refused.value.context["remedy"]
