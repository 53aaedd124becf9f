"""Domain names in normal form."""

import pytest
from pydantic_core import PydanticCustomError

from schoolgate.config.domain_name import NotAName, asked_name, parse_domain_name


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


ADDRESSES = {
    "https://site.example/x": "site.example",
    "HTTPS://Site.Example": "site.example",
    "site.example/x": "site.example",
    "site.example/": "site.example",
    "site.example?q=1": "site.example",
    "site.example#top": "site.example",
    "user@site.example": "site.example",
    "mailto:user@site.example": "site.example",
    "site.example:443": "site.example",
    "//site.example": "site.example",
    "https://user:secret@www.site.example:8443/a@b?c=d": "www.site.example",
    "ftp://bücher.example/": "bücher.example",
}


@pytest.mark.parametrize(("text", "name"), ADDRESSES.items())
def test_an_address_is_refused_and_the_name_in_it_is_offered(text: str, name: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        parse_domain_name(text)
    assert refused.value.context is not None
    assert refused.value.context["remedy"] == f'DNS sees only the name: write "{name}"'
    with pytest.raises(NotAName, match=f'DNS sees only the name: write "{name}"'):
        asked_name(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (".", "."),
        ("Example.ORG", "Example.ORG"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("0/25.2.0.192.in-addr.arpa", "0/25.2.0.192.in-addr.arpa"),
        ("_25._tcp.mail.example", "_25._tcp.mail.example"),
        ("1.2.3.4.in-addr.arpa.", "1.2.3.4.in-addr.arpa."),
    ],
)
def test_a_query_may_hold_names_that_no_list_holds(text: str, name: str) -> None:
    assert asked_name(text) == name


@pytest.mark.parametrize("text", ["https:///x", "", "*.example.org", "192.0.2.1", "[2001:db8::1]"])
def test_what_cannot_be_asked_about_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(NotAName, match="; write "):
        asked_name(text)
