"""What a rank says of itself."""

from __future__ import annotations

import subprocess
import sys

import toy


def test_the_peak_memory_of_a_rank_is_its_own_and_not_of_who_started_it() -> None:
    held = bytearray(500_000_000)
    held[::4096] = b"x" * len(held[::4096])  # really there
    script = "from hpcml.worker.allocation import usage; print(usage()[1])"
    ended = subprocess.run(
        [sys.executable, "-c", script], env=toy.environment(), capture_output=True, text=True, check=True
    )
    assert 1_000_000 < int(ended.stdout) < 100_000_000
