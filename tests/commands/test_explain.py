"""Reasons for units that failed: one for all that failed alike, from entries written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import toy

from hpcml.commands.explain import Reason, explain
from hpcml.directory.opened import OpenCampaign
from hpcml.store.journal import Journal

REMEDY = "fix it and `hpcml resume {root} --retry-failed`; `hpcml units {root} --state failed` lists them"


@pytest.fixture
def opened(tmp_path: Path) -> OpenCampaign:
    return toy.planned(tmp_path, toy.step("scan"))


def fail(journal: Journal, unit: str, error: str, *, line: int, host: str = "n1") -> None:
    """As a rank writes it; the innermost frame of the traceback is workload.py, `line`."""
    frames = (("engine.py", 1), ("workload.py", line))
    trace = "".join(f'File "/home/{file}", line {at}, in cut\n' for file, at in frames) + error
    journal.write("unit-failed", step="scan", unit=unit, error=error, host=host, rank=0, traceback=trace)


def reasons(opened: OpenCampaign) -> list[Reason]:
    return explain(OpenCampaign(opened.root))


def test_units_that_failed_at_one_line_with_one_type_of_error_share_a_reason(opened: OpenCampaign) -> None:
    journal = Journal(opened.layout.journal)
    for unit, host in (("u00001", "n1"), ("u00002", "n2"), ("u00002", "n1")):
        fail(journal, unit, f"ValueError: no events in {unit}", line=7, host=host)
    fail(journal, "u00003", "ValueError: no events in u00003", line=9)
    fail(journal, "u00004", "KeyError: 'energy'", line=7)
    remedy = REMEDY.format(root=opened.root)
    assert [(one.who, one.sentence, one.remedy) for one in reasons(opened)] == [
        (
            "scan: 2 units, such as u00001",
            "They failed up to 2 times, all on n1: ValueError: no events in u00001.",
            remedy,
        ),
        ("scan: unit u00003", "It failed 1 time: ValueError: no events in u00003.", remedy),
        ("scan: unit u00004", "It failed 1 time: KeyError: 'energy'.", remedy),
    ]


def test_a_host_is_named_when_all_failed_there(opened: OpenCampaign) -> None:
    journal = Journal(opened.layout.journal)
    fail(journal, "u00001", "OSError: disk", line=7, host="n1")
    fail(journal, "u00002", "OSError: disk", line=7, host="n2")
    (two_hosts,) = reasons(opened)
    assert two_hosts.sentence == "They failed up to 1 time: OSError: disk."
    fail(journal, "u00001", "OSError: disk", line=7, host="n2")
    (one_host,) = reasons(opened)
    assert one_host.sentence == "They failed up to 2 times, all on n2: OSError: disk."


def test_a_directory_with_a_space_is_quoted_in_remedies(tmp_path: Path) -> None:
    opened = toy.planned(tmp_path, root=tmp_path / "my campaign")
    (reason,) = explain(opened)
    assert reason.sentence == "24 units are not computed yet."
    assert reason.remedy == f"`hpcml resume '{tmp_path}/my campaign'` computes what is missing"


def test_one_unit_is_missing(tmp_path: Path) -> None:
    (reason,) = explain(toy.planned(tmp_path, toy.step(parameters={"n": 1})))
    assert reason.sentence == "1 unit is not computed yet."


def test_a_damaged_part_is_named_with_its_remedy(tmp_path: Path) -> None:
    opened = toy.planned(tmp_path, toy.step(parameters={"n": 6}, resources={"shards": 2}))
    toy.work_here(opened, shard=0)
    (part,) = toy.parts(opened)
    part.chmod(0o644)
    part.write_bytes(part.read_bytes()[:100])
    (reason,) = reasons(opened)
    assert reason.who == f"toy: {part.name}" and reason.sentence.endswith(".")
    assert reason.remedy == f"`hpcml verify {opened.root} --set-aside`, then `hpcml resume {opened.root}`"
