"""Text of any width (columns of dtype `str`): from str to UTF-8 bytes of fixed width, and its digest.

A log frame, a part and a table each have a width of their own: that of the widest text in them. No text
contains a NUL byte, so that padding differs from text, and the digest leaves the padding out: it says
the same whatever the width, hence for any number of shards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

if TYPE_CHECKING:
    from numpy.typing import NDArray

AT_ONCE = 1 << 20
WIDTH_BYTES = 4  # of the number that stands before the texts in a log frame
Widths = Mapping[str, int]  # bytes of one text, by `table/column`


class NotText(ValueError):
    """A value that cannot be stored as text; says why."""


def encode_text(value: Any) -> NDArray[np.bytes_]:
    """str, bytes, or lists and arrays of these -> bytes as wide as the widest text, of the same shape.

    Raises NotText for anything else, for text that is not Unicode, and for text with a NUL character.
    """
    found = value if isinstance(value, np.ndarray) else np.asarray(value, object)
    flat = [_encoded(one) for one in found.reshape(-1).tolist()]
    width = max(map(len, flat), default=1)
    return np.array(flat, f"S{max(width, 1)}").reshape(found.shape)


def _encoded(one: Any) -> bytes:
    if isinstance(one, str):
        try:
            raw = one.encode()
        except UnicodeEncodeError as error:
            raise NotText(f"a text that is not Unicode: {error}") from None
    elif isinstance(one, bytes):
        try:
            one.decode()
        except UnicodeDecodeError as error:
            raise NotText(f"bytes that are not UTF-8: {error}") from None
        raw = one
    else:
        raise NotText(f"a value of type {type(one).__name__}, not a text")
    if b"\0" in raw:
        raise NotText(f"a text with a NUL character: {one!r:.80}")
    return raw


def decode_text(array: NDArray[np.bytes_]) -> NDArray[np.str_]:
    """The inverse of `encode_text`, as NumPy text."""
    return np.char.decode(array, "utf-8")


def joined(pieces: Iterable[bytes], counts: Iterable[int]) -> tuple[int, list[bytes]]:
    """(width, pieces padded to it): the bytes of texts of several units, `counts` texts each."""
    found = _with_widths(pieces, counts)
    width = max((one for _, one, _ in found), default=1)
    return width, [raw if one == width else padded(raw, one, width) for raw, one, _ in found]


def padded_bytes(pieces: Iterable[bytes], counts: Iterable[int]) -> int:
    """How many bytes `joined` makes of these."""
    found = _with_widths(pieces, counts)
    return max((width for _, width, _ in found), default=0) * sum(count for _, _, count in found)


def _with_widths(pieces: Iterable[bytes], counts: Iterable[int]) -> list[tuple[bytes, int, int]]:
    return [(raw, len(raw) // count, count) for raw, count in zip(pieces, counts, strict=True) if count]


def padded(raw: bytes, old: int, new: int) -> bytes:
    """Texts of `old` bytes each as texts of `new` bytes each."""
    return np.frombuffer(raw, f"S{old}").astype(f"S{new}").tobytes()


def widest(several: Iterable[Widths]) -> dict[str, int]:
    """The width that each column needs to take in all."""
    result: dict[str, int] = {}
    for widths in several:
        for name, width in widths.items():
            result[name] = max(width, result.get(name, 1))
    return result


class TextDigest:
    """xxh3-128 of texts, of their lengths and bytes: the same however far they are padded."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._lengths = xxhash.xxh3_128()
        self._bytes = xxhash.xxh3_128()

    def update(self, window: Any) -> None:
        """The next bytes: complete texts, each padded to the width."""
        texts = np.frombuffer(window, np.uint8).reshape(-1, self._width)
        rows = max(1, AT_ONCE // self._width)  # a mask and a copy of so many bytes, not of the window
        for first in range(0, len(texts), rows):
            piece = texts[first : first + rows]
            filled = piece != 0
            self._lengths.update(np.count_nonzero(filled, axis=1).astype("<u4").tobytes())
            self._bytes.update(piece[filled].data)

    def digest(self) -> bytes:
        return xxhash.xxh3_128_digest(self._lengths.digest() + self._bytes.digest())
