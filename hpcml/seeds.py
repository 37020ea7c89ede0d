"""Random streams: (campaign seed, labels) -> numpy Generator. Nothing else in hpcml makes one.

Law 1 rests on this file: a stream depends on names only, never on an index, a rank, a shard or a moment.
The construction is frozen as STREAM_VERSION and stored in every table.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

STREAM_VERSION = "1: blake2b-128(labels) -> SeedSequence(seed, spawn_key) -> PCG64DXSM"


def label_words(labels: tuple[int | str, ...]) -> tuple[int, int, int, int]:
    """Four 32-bit words that identify `labels`; ('a', 1), ('a', '1') and ('a1',) all differ.

    Each label is written with its type and length, so no two tuples have one encoding.
    """
    digest = hashlib.blake2b(digest_size=16)
    for label in labels:
        text = str(label).encode()
        kind = "s" if isinstance(label, str) else "i"
        digest.update(f"{kind}{len(text)}:".encode() + text)
    raw = digest.digest()
    return (
        int.from_bytes(raw[0:4], "little"),
        int.from_bytes(raw[4:8], "little"),
        int.from_bytes(raw[8:12], "little"),
        int.from_bytes(raw[12:16], "little"),
    )


def stream(seed: int, *labels: int | str) -> np.random.Generator:
    """The generator that belongs to (seed, labels), the same on every machine and rank."""
    import numpy as np

    if not labels:
        raise ValueError("a random stream needs at least one label")
    sequence = np.random.SeedSequence(seed, spawn_key=label_words(labels))
    return np.random.Generator(np.random.PCG64DXSM(sequence))
