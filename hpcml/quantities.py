"""Quantities as people write them: '2 GB' and '1h30m' to numbers, a result with its error to text."""

from __future__ import annotations

import math
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


_UNITS = {
    "gev": "GeV", "tev": "TeV", "mev": "MeV", "um": "um", "mm": "mm", "cm": "cm", "mrad": "mrad",
    "rad": "rad", "ns": "ns", "us": "us", "s": "s", "sigma": "sigma", "percent": "%", "events": "events",
}  # fmt: skip


def with_unit(name: str) -> tuple[str, str]:
    """('energy resolution', 'GeV') of 'energy_resolution_gev'; no unit when the name ends in none."""
    words = name.split("_")
    unit = _UNITS.get(words[-1], "") if len(words) > 1 else ""
    return " ".join(words[:-1] if unit else words), unit


def counted(number: int, noun: str) -> str:
    """'1 unit', '3 units'."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def measured(value: float | bool, error: float | None = None, unit: str = "") -> str:
    """'0.213 +- 0.012 GeV': the error with two digits, the value to the same place (as the PDG does).

    Without an error four significant digits of a real number, all digits of a whole one.
    """
    behind = f" {unit}" if unit else ""
    if error is None or not math.isfinite(error) or error <= 0 or not math.isfinite(value):
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        return f"{text}{behind}"
    digits = 1 - math.floor(math.log10(error))
    if float(f"{error:.1e}") >= 10 ** (2 - digits):  # 0.0996 is 0.100: one place less
        digits -= 1
    if digits <= 0:
        return f"{round(value, digits):.0f} +- {round(error, digits):.0f}{behind}"
    return f"{value:.{digits}f} +- {error:.{digits}f}{behind}"
