"""What a person sees of a campaign on this machine, command by command, from job file to report."""

from __future__ import annotations

import json
import re

import pytest
import toy

from hpcml.directory.opened import OpenCampaign

from .conftest import Terminal

HINT = (
    "hpcml: hint: `hpcml resume CAMPAIGN` computes them (--retry-failed: also those that failed too often);"
    " `hpcml merge CAMPAIGN --allow-missing` writes the table without them"
)
FAILED = "RuntimeError: toy failure of u00001"


@pytest.fixture
def planned(terminal: Terminal) -> Terminal:
    """Two steps: six units in two shards, and one with a summary and a figure."""
    terminal.job(
        toy.step("first", parameters={"n": 6}, resources={"shards": 2}),
        toy.step("last", "Drawn", toy.COLUMNS, inputs={"samples": "first"}),
    )
    terminal("plan FOLDER/job.yaml --dir CAMPAIGN")
    return terminal


@pytest.fixture
def half_done(planned: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """The first shard has been computed; one of its units failed as often as it may."""
    with monkeypatch.context() as environment:
        environment.setenv("TOY_FAIL", "u00001")
        toy.work_here(OpenCampaign(planned.root), "first", shard=0)
    return planned


@pytest.fixture
def merged(terminal: Terminal) -> Terminal:
    """One step of four units, merged."""
    terminal.job(toy.step("first", parameters={"n": 4}))
    terminal("plan FOLDER/job.yaml --dir CAMPAIGN")
    opened = OpenCampaign(terminal.root)
    toy.work_here(opened, "first")
    toy.merge_here(opened, "first")
    return terminal


def test_validate(terminal: Terminal) -> None:
    terminal.job(toy.step("first"), toy.step("last", "Behind", inputs={"samples": "first"}))
    assert terminal("validate FOLDER/job.yaml") == [
        "FOLDER/job.yaml: campaign 'toys' is valid (steps: first, last)"
    ]
    terminal.job(toy.step("first", paramters={"n": 6}))
    assert terminal("validate FOLDER/job.yaml") == [
        "hpcml: error: FOLDER/job.yaml:6: steps.first.paramters: unknown key, found {'n': 6}",
        "hpcml: hint: did you mean 'parameters'?",
        "exit code 2",
    ]


def test_plan_new_unchanged_extended_and_refused(terminal: Terminal) -> None:
    last = toy.step("last", "Behind", inputs={"samples": "first"})
    for n, what in ((6, "new"), (6, "unchanged"), (8, "extended")):
        terminal.job(toy.step("first", parameters={"n": n}), last)
        assert terminal("plan FOLDER/job.yaml --dir CAMPAIGN") == [
            f"CAMPAIGN: {what}",
            f"  first: {n} units",
            "  last: units are listed when first is merged",
        ]
    terminal.job(toy.step("first", parameters={"n": 8, "scale": 2.0}), last)
    assert terminal("plan FOLDER/job.yaml --dir CAMPAIGN") == [
        "hpcml: error: CAMPAIGN was planned from something else: steps.first.parameters.scale: 1.0 -> 2.0",
        "hpcml: hint: change the job file back, or plan into another directory with --dir",
        "exit code 2",
    ]


def test_plan_explains_each_value_with_its_origin(terminal: Terminal) -> None:
    terminal.job(toy.step("first", parameters={"n": 6}))
    lines = terminal("plan FOLDER/job.yaml --explain --set seed=8")
    for line in (
        "campaign                            toys  # FOLDER/job.yaml:1",
        "seed                                8  # --set",
        "site.scheduler                      local  # config/sites/local.yaml:2",
        "steps.first.workload                PROJECT/tests/toy_workloads.py:Toy  # FOLDER/job.yaml:5",
        "steps.first.parameters.n            6  # FOLDER/job.yaml:7",
        "steps.first.parameters.scale        1.0  # workload default",
    ):
        assert line in lines
    assert len({line.index("  # ") > 36 for line in lines}) == 1, "values stand below each other"
    assert not terminal.root.exists()


def test_run_then_run_again(planned: Terminal) -> None:
    results = ["last: grand total = -9.202", "last: sum", "report: CAMPAIGN/report/index.html"]
    assert planned("run CAMPAIGN --shards 1") == [
        *results,
        "hpcml: first: 6 units, 0 done before",
        "hpcml: first: merged, 6 units",
        "hpcml:   units of last are listed",
        "hpcml: last: 6 units, 0 done before",
        "hpcml: last: merged, 6 units",
    ]
    assert planned("run CAMPAIGN") == [
        *results,
        "hpcml: first: 6 units, 6 done before",
        "hpcml: first: already merged, 6 units",
        "hpcml:   units of last are listed",
        "hpcml: last: 6 units, 6 done before",
        "hpcml: last: already merged, 6 units",
    ]
    assert planned("report CAMPAIGN") == ["CAMPAIGN/report/index.html"]
    page = (planned.root / "report" / "index.html").read_text()
    captions = re.findall("<figcaption>(.*?)</figcaption>", page)
    assert captions == ["drawn of 6 rows, before it: first"]
    assert planned("logs CAMPAIGN --step last") == [
        "==> CAMPAIGN/output/last.s0000.a01.log",
        "TIME last: shard 0: 6 units done, 0 failed, 0 left",
    ]


def test_status(half_done: Terminal) -> None:
    assert half_done("status CAMPAIGN") == [
        "toys  CAMPAIGN",
        "first                incomplete  2 of 6 units done, 1 failed, 4 missing",
        "  shard 0            incomplete  2 of 3 done, 1 failed, 1 missing",
        "  shard 1            planned     0 of 3 done, 0 failed, 3 missing",
        f"  failed 2x: u00001 on HOST rank 0: {FAILED}",
        "last                 waiting for the steps before it",
    ]


def test_status_of_a_planned_campaign(planned: Terminal) -> None:
    assert planned("status CAMPAIGN") == [
        "toys  CAMPAIGN",
        "first                planned     0 of 6 units done, 0 failed, 6 missing",
        "  shard 0            planned     0 of 3 done, 0 failed, 3 missing",
        "  shard 1            planned     0 of 3 done, 0 failed, 3 missing",
        "last                 waiting for the steps before it",
    ]


def test_status_of_a_merged_campaign(merged: Terminal) -> None:
    assert merged("status CAMPAIGN") == [
        "toys  CAMPAIGN",
        "first                merged      4 of 4 units done, 0 failed, 0 missing",
    ]
    assert merged("status CAMPAIGN --watch") == merged("status CAMPAIGN"), "all is done: it ends"


def test_status_for_programs(half_done: Terminal) -> None:
    found = json.loads("\n".join(half_done("status CAMPAIGN --json")))
    assert list(found) == ["campaign", "root", "steps", "jobs", "scheduler_error"]
    first, last = found["steps"]
    assert list(first) == list(last) == [
        "name", "state", "units", "done", "failed", "missing", "doubled", "parts", "logs", "rate",
        "seconds_left", "damaged", "foreign", "merged", "shards", "failures",
    ]  # fmt: skip
    assert list(first["shards"][0]) == [
        "shard", "state", "units", "done", "failed", "missing", "rate", "job", "node", "restarts"
    ]  # fmt: skip
    assert (first["state"], last["state"], last["units"]) == ("incomplete", "waiting", None)
    assert [(failure["unit"], failure["attempts"]) for failure in first["failures"]] == [("u00001", 2)]


def test_status_efficiency(half_done: Terminal) -> None:
    assert half_done("status CAMPAIGN --efficiency") == [
        "first: CPUs were busy for N % of N core hours; 1 start",
        "  peak memory N GB per rank (asked 2.00), longest shard DURATION (asked 1h00m)",
        "  next time: resources: {memory: N, walltime: N}",
        "last: not started",
    ]
    steps = json.loads("\n".join(half_done("status CAMPAIGN --efficiency --json")))
    assert [(step["name"], step["starts"], step["killed"]) for step in steps] == [
        ("first", 1, 0),
        ("last", 0, 0),
    ]


def test_units(half_done: Terminal) -> None:
    failed = f"first\tu00001\tfailed\t{FAILED}"
    missing = [f"first\tu0000{number}\tmissing" for number in (3, 4, 5)]
    assert half_done("units CAMPAIGN") == ["first\tu00000\tdone", failed, "first\tu00002\tdone", *missing]
    assert half_done("units CAMPAIGN --state done") == ["first\tu00000\tdone", "first\tu00002\tdone"]
    assert half_done("units CAMPAIGN --state failed") == [failed]
    assert half_done("units CAMPAIGN --state missing --step first") == missing
    assert half_done("units CAMPAIGN --step last") == [
        "hpcml: error: the units of step 'last' are not listed yet",
        "hpcml: hint: they are listed when first is merged",
        "exit code 3",
    ]
    assert half_done("units CAMPAIGN --step frist") == [
        "hpcml: error: campaign 'toys' has no step 'frist'",
        "hpcml: hint: did you mean 'first'?",
        "exit code 2",
    ]


def test_logs_before_anything_ran(planned: Terminal) -> None:
    assert planned("logs CAMPAIGN") == ["no job has printed anything yet"]


def test_explain_missing_units(planned: Terminal) -> None:
    waits = ["last: Its units are not listed yet.", "    -> wait until first is merged"]
    assert planned("explain CAMPAIGN") == [
        "first: 6 units are not computed yet.",
        "    -> `hpcml resume CAMPAIGN` computes what is missing",
        *waits,
    ]
    for shard in (0, 1):
        toy.work_here(OpenCampaign(planned.root), "first", shard=shard)
    assert planned("explain CAMPAIGN") == [
        "first: All units are done; it is not merged.",
        "    -> `hpcml merge CAMPAIGN`",
        *waits,
    ]


def test_explain_failed_units(half_done: Terminal) -> None:
    assert half_done("explain CAMPAIGN")[:2] == [
        f"first: unit u00001: It failed 2 times: {FAILED}.",
        "    -> fix it and `hpcml resume CAMPAIGN --retry-failed`; `hpcml units CAMPAIGN --state failed`"
        " lists them",
    ]


def test_explain_when_all_is_merged(merged: Terminal) -> None:
    assert merged("explain CAMPAIGN") == ["everything is merged"]


def test_merge_refuses_gaps_and_lists_them(half_done: Terminal) -> None:
    assert half_done("merge CAMPAIGN --step first") == [
        f"hpcml: error: step 'first': 4 of 6 units are missing: u00001 (failed 2x: {FAILED});"
        " u00003 (not computed); u00004 (not computed); u00005 (not computed)",
        HINT,
        "exit code 3",
    ]
    assert half_done("merge CAMPAIGN --step first --allow-missing") == [
        "first: merged, 2 units, 4 MISSING",
        "  units of last are listed",
    ]


def test_merge_then_merge_again(terminal: Terminal) -> None:
    terminal.job(toy.step("first", parameters={"n": 1}))
    terminal("plan FOLDER/job.yaml --dir CAMPAIGN")
    toy.work_here(OpenCampaign(terminal.root), "first")
    assert terminal("merge CAMPAIGN") == ["first: merged, 1 unit"]
    assert terminal("merge CAMPAIGN") == ["first: already merged, 1 unit"]


def test_verify(merged: Terminal) -> None:
    assert merged("verify CAMPAIGN") == [
        "DIGEST  first/samples",
        "DIGEST  first/histogram",
        "DIGEST  first/least",
        "DIGEST  first/largest",
        "2 files, N bytes read",
    ]


def test_verify_of_a_damaged_part(merged: Terminal) -> None:
    (part,) = toy.parts(OpenCampaign(merged.root), "first")
    content = bytearray(part.read_bytes())
    content[-20] ^= 1
    part.chmod(0o644)
    part.write_bytes(content)
    shown = "CAMPAIGN/steps/first/parts/" + part.name
    lines = merged("verify CAMPAIGN")
    assert lines[-3].startswith(f"hpcml: error: {shown}: ")
    assert lines[-2:] == [
        "hpcml: hint: `hpcml verify CAMPAIGN --set-aside` moves damaged files away;"
        " then `hpcml resume CAMPAIGN`",
        "exit code 5",
    ]
    assert merged("verify CAMPAIGN --set-aside")[-1] == f"hpcml: set aside: {shown}"


def test_report_of_a_campaign_without_figures(merged: Terminal) -> None:
    assert merged("report CAMPAIGN") == ["no merged step draws anything"]


def test_cancel_where_there_is_no_scheduler(planned: Terminal) -> None:
    assert planned("cancel CAMPAIGN") == [
        "hpcml: error: site 'local' has no scheduler to submit to",
        "hpcml: hint: `hpcml run CAMPAIGN` computes here; `hpcml plan JOB --site slurm` plans for a cluster",
        "exit code 2",
    ]
