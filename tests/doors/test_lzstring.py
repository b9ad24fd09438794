"""LZ-string: what the Web SDK packed is unpacked, and whatever else somebody sends is a ValueError."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knownas.doors.lzstring import unpack
from tests.doors.lzpack import pack

# Packed by clevertap-web-sdk 2.5.2.
PACKED = [
    ("", "QAA="),
    ("a", "IZA="),
    ("é", "JdA="),
    ("日本", "qemhpzIA"),
    ("hello hello hello hello hello", "BYUwNmD2AEoTcq3ExkgAAA=="),
    (
        '{"Name":"Zoë 🛒🛒 Müller","tags":["a","b"]}',
        "N4IgcghgtgpiBcIBaB7A1wAkLwbglvdxgWQB+AbEmAJxABoQAXCAcwGcEBtECGkAIxAF0AvkAAA=",
    ),
    (
        '{"type":"event","evtName":"Product viewed","evtData":{"Product name":"Casio Chronograph Watch","Price":59.99,'
        '"Date":"$D_1763791200"},"id":"TEST-ACC-000","g":"43c5d176c9e9445cb73b582ca461bc6a","s":1795328785,"pg":1,'
        '"af":{"lib":"web-sdk-v2.5.2","protocol":"http"}}',
        "N4IgLgngDgpiBcIYDcYDswgDROWAcgIYC2ciACgE4D2AJgK4DGYABMgJYwDuMt2uYACKEwhBKCp0mrNCTIgAwoQDO7aiwUALGmmoBzSoSiaWAdRGNN"
        "/Ku0ZkArAE4AdI8c5hYeQBJBAfQBGAHYANgBmIMcAgCYABliQAF8cdj5EABUAUQBldIBaAEEFBTz4hJw9BBAAFjDGe1pgkMZHGEdq6vtGACMgsO77A"
        "A5oxkJqkIDuxhCxHGUEYMd7MOjBoMH7HChK+ACcQgAzcRAAG3Zuqp5uvOVaAGs85Gjne2do/igaMGpGahOqzRgMBQJKJIAA=",
    ),
]


@pytest.mark.parametrize(("text", "packed"), PACKED)
def test_what_the_sdk_packed_is_read_as_it_was(text: str, packed: str) -> None:
    assert unpack(packed) == text


@pytest.mark.parametrize(("text", "packed"), PACKED)
def test_the_tests_pack_as_the_sdk_does(text: str, packed: str) -> None:
    assert pack(text).rstrip("=A") == packed.rstrip("=A")


@given(st.text(max_size=300))
def test_every_text_comes_back(text: str) -> None:
    assert unpack(pack(text)) == text


@pytest.mark.parametrize("change", [lambda packed: packed.replace("+", " "), lambda packed: packed.rstrip("=")])
def test_a_plus_that_became_a_space_and_lost_padding_do_no_harm(change) -> None:  # type: ignore[no-untyped-def]
    text, packed = PACKED[-1]
    assert unpack(change(packed)) == text


def test_half_of_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert unpack("rwbQAA==") == "\ufffd"


@pytest.mark.parametrize("garbage", ["%%%", "日本", "wAA=", "N4IgcghgtgpiBcIBaB7A1wAkLwb", "/////w==", "BYUw" * 3])
def test_garbage_is_a_value_error(garbage: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        unpack(garbage)


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= ", max_size=200))
def test_nothing_that_looks_like_base64_fails_in_another_way(packed: str) -> None:
    assert _readable(packed) in (True, False)


def test_a_short_text_that_unpacks_to_a_very_long_one_is_refused() -> None:
    packed = pack("a" * 300_000)
    assert len(packed) < 3_000
    with pytest.raises(ValueError, match="more than"):
        unpack(packed)


def _readable(packed: str) -> bool:
    try:
        unpack(packed).encode()
    except ValueError:
        return False
    return True
