"""Hardware addresses and DUIDs as devices, DHCP servers and people write them."""

from __future__ import annotations

import pytest

from schoolgate.identity.device_key import duid_key, is_key, is_randomised, mac_key


@pytest.mark.parametrize("text", ["00:00:5E:00:53:01", "00-00-5e-00-53-01", "0000.5e00.5301", " 00005e005301 "])
def test_every_notation_is_one_key(text: str) -> None:
    assert mac_key(text) == "mac:00:00:5e:00:53:01"


@pytest.mark.parametrize(
    "text",
    ["", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:53:01", "00:00:5e:00:53", "06-00:00:5e:00:53:01",
     "<b>:00:00:00:00:00", "\u0660\u0660:00:5e:00:53:01", "0" * 100_000],
)  # fmt: skip
def test_what_stands_for_no_single_device_is_no_key(text: str) -> None:
    assert mac_key(text) is None


def test_a_duid_with_a_hardware_address_is_that_address() -> None:
    assert duid_key("00:01:00:01:2a:2b:2c:2d:00:00:5e:00:53:01") == "mac:00:00:5e:00:53:01"
    assert duid_key("00:03:00:01:00:00:5e:00:53:01") == "mac:00:00:5e:00:53:01"


def test_another_duid_is_its_own_key() -> None:
    uuid = "00:04:" + ":".join(["ab"] * 16)
    assert duid_key(uuid) == "duid:0004" + "ab" * 16
    assert duid_key("00:04:" + "ab" * 129) is None
    assert duid_key("00") is None


def test_a_made_up_address_is_known_by_its_bit() -> None:
    assert is_randomised("mac:02:00:5e:00:53:01")
    assert is_randomised("mac:da:a1:19:00:00:01")
    assert not is_randomised("mac:00:00:5e:00:53:01")
    assert not is_randomised("duid:0004abab")


def test_a_key_is_known_from_other_texts() -> None:
    assert is_key("mac:00:00:5e:00:53:01")
    assert is_key("duid:0004abab")
    assert not is_key("mac:00:00:5E:00:53:01")
    assert not is_key("mac:00:00:5e:00:53:01\n")
