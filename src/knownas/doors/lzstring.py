"""LZ-string, as browsers' SDKs pack their requests: base64 text to the text that it holds.

The packed text is a stream of bits, each number in it with its least bit first. The first numbers are characters and
what was met is remembered, longer by one character each time; numbers grow by a bit whenever the memory doubles. A
short text may unpack to a very long one, so what comes out is limited.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Final

CHARACTERS: Final = 1 << 18

_BYTE, _WORD, _END = 0, 1, 2
_BITS: Final = {_BYTE: 8, _WORD: 16}


def unpack(packed: str, limit: int = CHARACTERS) -> str:
    """The text. ValueError: it is no LZ-string, it is cut off, or it unpacks to more than `limit` characters."""
    bits = _bits_of(packed)
    at, end = 2, len(bits)
    kind = int(bits[1::-1], 2) if end >= at else _END
    if kind == _END:
        return ""
    if kind not in _BITS:
        raise ValueError("not an LZ-string")
    word = chr(int(bits[at : at + _BITS[kind]][::-1], 2))
    at += _BITS[kind]
    known: list[str] = ["", "", "", word]
    out, length = [word], 1
    width, room = 3, 4
    while at < end:
        number = int(bits[at : at + width][::-1], 2)
        at += width
        if number == _END:
            return _joined(out)
        if number < _END:
            size = _BITS[number]
            known.append(chr(int(bits[at : at + size][::-1] or "x", 2)))
            at += size
            number = len(known) - 1
            room -= 1
            if room == 0:
                room, width = 1 << width, width + 1
        if number > len(known):
            raise ValueError("not an LZ-string")
        entry = known[number] if number < len(known) else word + word[0]
        out.append(entry)
        length += len(entry)
        if length > limit:
            raise ValueError(f"it unpacks to more than {limit:,} characters")
        known.append(word + entry[0])
        word = entry
        room -= 1
        if room == 0:
            room, width = 1 << width, width + 1
    raise ValueError("an LZ-string that is cut off")


def _bits_of(packed: str) -> str:
    # A "+" that was not percent-encoded comes out of a query as a space; padding may be missing or one too many.
    text = packed.replace(" ", "+").rstrip("=")
    raw = b64decode(text + "A" * (-len(text) % 4), validate=True)
    return format(int.from_bytes(raw, "big"), f"0{len(raw) * 8}b")


def _joined(out: list[str]) -> str:
    # JavaScript's texts are UTF-16: surrogate pairs are joined, halves of one replaced.
    return "".join(out).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
