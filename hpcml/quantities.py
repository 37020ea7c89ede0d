"""Memory and time as people write them ('2 GB', '1h30m') to bytes and seconds."""

from __future__ import annotations

import re
from typing import Any

_MEMORY = re.compile(r"(\d+(?:\.\d+)?) ?(B|[kKMGTP]i?B)")
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_CLOCK = re.compile(r"(?:(\d+)-)?(\d{1,3}):(\d{2}):(\d{2})")


def parse_memory(value: Any) -> int:
    """Bytes from an integer, or from text such as '2 GB', '512MiB'."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _MEMORY.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError("must be bytes, or text such as '2 GB' or '512 MiB'")
    number, unit = found.groups()
    base = 1024 if "i" in unit else 1000
    return int(float(number) * base ** _POWERS[unit.rstrip("B").rstrip("i").upper()])


def parse_walltime(value: Any) -> int:
    """Seconds from an integer, '90m', '1h30m', 'HH:MM:SS' or 'D-HH:MM:SS'."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = value if isinstance(value, str) else ""
    found = _CLOCK.fullmatch(text) or (_SPAN.fullmatch(text) if text else None)
    if not found:
        raise ValueError("must be seconds, or text such as '90m', '1h30m', '01:30:00' or '2-00:00:00'")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
