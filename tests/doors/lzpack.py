"""The other half of LZ-string, as slow and plain as it can be, for tests that pack what a browser would."""

from __future__ import annotations

from base64 import b64encode


def pack(text: str) -> str:
    """A text as the Web SDK packs it. Characters beyond 16 bits become surrogate pairs, as in JavaScript."""
    units = text.encode("utf-16-le")
    characters = [chr(int.from_bytes(units[i : i + 2], "little")) for i in range(0, len(units), 2)]
    known: dict[str, int] = {}
    new: set[str] = set()
    bits: list[str] = []
    room, width, word = 2, 2, ""

    def put(number: int, size: int) -> None:
        bits.append(format(number, f"0{size}b")[::-1])

    def said(text: str) -> None:
        nonlocal room, width
        if text in new:
            new.remove(text)
            wide = ord(text) > 255
            put(int(wide), width)
            put(ord(text), 16 if wide else 8)
            step()
        else:
            put(known[text], width)
        step()

    def step() -> None:
        nonlocal room, width
        room -= 1
        if room == 0:
            room, width = 1 << width, width + 1

    for character in characters:
        if character not in known:
            known[character] = len(known) + 3
            new.add(character)
        if word + character in known:
            word += character
            continue
        said(word)
        known[word + character] = len(known) + 3
        word = character
    if word:
        said(word)
    put(2, width)
    packed = "".join(bits) + "0"
    packed += "0" * (-len(packed) % 16)
    return b64encode(int(packed, 2).to_bytes(len(packed) // 8, "big")).decode()
