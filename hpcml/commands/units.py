"""The units of a step with their state."""

from __future__ import annotations

from typing import Any

from hpcml.directory.history import History
from hpcml.directory.opened import OpenStep


def list_units(step: OpenStep, history: History, state: str = "all") -> list[dict[str, Any]]:
    """Units in the order of the result: step, unit, number, state (done, missing, failed), error, payload."""
    units = step.units()
    done = step.ledger().done
    failures = history.failures(step.name)
    counts, last = failures.counts, failures.last
    at_limit = failures.at_limit(step.plan.max_attempts)
    rows = []
    for number in units.numbers_in_order().tolist():
        key = units.key(number)
        failed = not done[number] and key in at_limit
        word = "done" if done[number] else "failed" if failed else "missing"
        if state not in ("all", word):
            continue
        error = last[key]["error"] if not done[number] and key in last else ""
        rows.append(
            {
                "step": step.name, "unit": key, "number": number, "state": word,
                "attempts": counts.get(key, 0), "error": error, "payload": units.unit(number).payload,
            }
        )  # fmt: skip
    return rows
