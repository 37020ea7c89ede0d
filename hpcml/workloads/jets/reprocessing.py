"""Jet images -> jet images: a small language of tokens, applied left to right.

w P    each pixel to the power P; P = 0 marks the non-zero pixels with 1
s S    Gaussian smearing with S pixels in both axes, cut at 4 S, reflecting borders
N      divide by the sum of the pixels
none   nothing
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEFAULT = "w 0.5 s 1 N"


class Token(NamedTuple):
    """One operation: kind `w`, `s` or `N`, and its number (0 for `N`)."""

    kind: str
    value: float


def parse(text: str) -> tuple[Token, ...]:
    """The operations of a string such as "w 0.5 s 1 N"; ValueError names the word that is wrong."""
    words = iter(text.split())
    tokens = []
    for word in words:
        if word in ("w", "s"):
            tokens.append(Token(word, _number(word, next(words, ""))))
        elif word == "N":
            tokens.append(Token("N", 0.0))
        elif word != "none":
            raise ValueError(f"unknown token {word!r} in {text!r}: use `w P`, `s S`, `N` or `none`")
    return tuple(tokens)


def reprocess(images: NDArray[np.float32], text: str = DEFAULT) -> NDArray[np.float32]:
    """Apply the tokens of `text` to images float32 (..., height, width); float32 of equal shape.

    Each image is treated alone and in one fixed order of operations. Images of zeros stay zero.
    Raises ValueError for a malformed `text`.
    """
    for token in parse(text):
        if token.kind == "w":
            images = _power(images, token.value)
        elif token.kind == "s":
            images = _smear(images, token.value)
        else:
            images = _normalise(images)
    return images


def _number(token: str, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"token {token!r} needs a number, got {word!r}") from None
    if not 0.0 <= value < float("inf"):
        raise ValueError(f"token {token!r} needs a finite number >= 0, got {word!r}")
    return value


def _power(images: NDArray[np.float32], power: float) -> NDArray[np.float32]:
    if power == 0.0:
        filled: NDArray[np.bool_] = images != 0
        return filled.astype(np.float32)
    powered: NDArray[np.float32] = np.power(images, np.float32(power))
    return powered


def _smear(images: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    smeared: NDArray[np.float32] = gaussian_filter(images, sigma, axes=(-2, -1), mode="reflect", truncate=4.0)
    return smeared


def _normalise(images: NDArray[np.float32]) -> NDArray[np.float32]:
    # Cast first, sum afterwards: a sum that casts on the way goes through a buffer of 8192 values
    # whose borders fall into images, and rounding would depend on the position in the block.
    pixels = images.reshape(*images.shape[:-2], -1).astype(np.float64)
    total = pixels.sum(axis=-1, keepdims=True)
    normalised: NDArray[np.float64] = pixels / np.where(total > 0, total, 1.0)
    single = normalised.astype(np.float32)
    return single.reshape(images.shape)
