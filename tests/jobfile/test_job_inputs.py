"""Inputs of a job file: files, globs, variables, other campaigns; digests of files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from settings_jobs import campaign, one_step, prepared, refused, take

from hpcml.campaign import Campaign
from hpcml.inputfile import describe_input, input_changed
from hpcml.jobfile.resolve import resolve
from hpcml.jobfile.yaml_source import shown


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return prepared(tmp_path, monkeypatch)


def names(found: Campaign) -> list[str]:
    return [Path(file.path).name for file in found.steps[0].inputs["events"].files]


def test_files_globs_lists_and_variables(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", str(folder))
    monkeypatch.setenv("HOME", str(folder))
    (folder / "list.txt").write_text("# mine\n\ndata/b.txt\n${HERE}/data/[c].txt\n")
    assert names(campaign(one_step(inputs="{events: 'data/*.txt'}"))) == ["a.txt", "b.txt", "c.txt"]
    assert names(campaign(one_step(inputs="{events: '**/[ab].txt'}"))) == ["a.txt", "b.txt"]
    assert names(campaign(one_step(inputs="{events: [data/c.txt, 'data/[ab].txt']}"))) == [
        "c.txt",
        "a.txt",
        "b.txt",
    ]
    assert names(campaign(one_step(inputs="{events: '@list.txt'}"))) == ["b.txt", "c.txt"]
    assert names(campaign(one_step(inputs="{events: '${HERE}/data/a.txt'}"))) == ["a.txt"]
    assert names(campaign(one_step(inputs="{events: ~/data/a.txt}"))) == ["a.txt"]
    found = campaign(one_step(inputs="{events: data/../data/a.txt}"))
    assert found.steps[0].inputs["events"].files[0].path == str(folder / "data/a.txt")


def test_a_name_with_brackets_is_a_file_first(folder: Path) -> None:
    (folder / "data" / "x[1].txt").write_text("x")
    assert names(campaign(one_step(inputs="{events: 'data/x[1].txt'}"))) == ["x[1].txt"]


def test_paths_start_at_the_job_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("job.yaml").write_text(one_step())
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    found = resolve(Path("../job.yaml"), check_inputs=True)[0].campaign
    assert names(found) == ["a.txt"]


def test_another_campaign(folder: Path) -> None:
    (folder / "old").mkdir()
    found = campaign(one_step(inputs="{events: 'campaign:old/scan'}"))
    assert found.steps[0].inputs["events"].campaign == f"{folder}/old/scan"
    assert "no such campaign directory" in refused(one_step(inputs="{events: 'campaign:odd/scan'}")).message
    assert "must be campaign:DIR/step" in refused(one_step(inputs="{events: 'campaign:odd'}")).message


def test_container_paths(folder: Path) -> None:
    assert campaign(one_step("container: image.sif")).container == f"{folder}/image.sif"
    assert campaign(one_step("container: docker://x/y:1")).container == "docker://x/y:1"


def test_absent_inputs_warn_or_fail(folder: Path) -> None:
    text = one_step(inputs="{events: data/aa.txt}")
    error = refused(text)
    found = shown(f"{folder}/data/aa.txt")
    assert error.message == f"job.yaml:7: steps.only.inputs.events: no such file, found {found}"
    assert error.hint == "did you mean 'a.txt'?"
    resolved, warnings = take(text, check=False)
    assert warnings == [error.message]
    assert resolved.campaign.steps[0].inputs["events"].files == ()
    for absent in ("'data/*.nope'", "'@nope.txt'", "'campaign:nope/scan'"):
        assert len(take(one_step(inputs=f"{{events: {absent}}}"), check=False)[1]) == 1


@pytest.mark.parametrize(
    "value",
    [
        "'${NOT_SET}/a'",
        "[data/a.txt, '${NOT_SET}/*.txt']",
        "'@${NOT_SET}/list.txt'",
        "'campaign:${NOT_SET}/scan'",
    ],
)
def test_an_unset_variable_counts_as_an_absent_file(value: str) -> None:
    text = one_step(inputs=f"{{events: {value}}}")
    _, warnings = take(text, check=False)
    error = refused(text)
    assert warnings == [error.message]
    assert "the environment variable NOT_SET is not set" in error.message
    assert error.hint == "export NOT_SET=..."


def two_steps(inputs: str) -> str:
    return one_step(
        f"- name: next\n  workload: toy.py:Toy\n  parameters: {{clusters: 5}}\n  inputs: {inputs}\n"
    )


def test_a_list_of_steps_is_one_input(folder: Path) -> None:
    (folder / "old").mkdir()
    found = campaign(two_steps("{events: [only, 'campaign:old/scan']}")).steps[1].inputs["events"]
    assert [(one.step, one.campaign) for one in found.several] == [("only", ""), ("", f"{folder}/old/scan")]
    assert not found.files


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ("{events: [only, data/a.txt]}", "events: must be files or steps, not both"),
        ("{events: ['campaign:old/scan', data/a.txt]}", "events: must be files or steps, not both"),
        ("{events: [only, only]}", "events[1]: duplicate step"),
        ("{events: [only, next]}", "events[1]: is not an earlier step"),
    ],
)
def test_bad_lists_of_steps(inputs: str, words: str) -> None:
    assert words in refused(two_steps(inputs)).message


def test_a_file_that_is_called_like_a_step(folder: Path) -> None:
    (folder / "only").write_text("x")
    found = campaign(two_steps("{events: [./only, data/a.txt]}")).steps[1].inputs["events"]
    assert [Path(file.path).name for file in found.files] == ["only", "a.txt"]


def test_an_unset_variable_elsewhere_is_an_error(folder: Path) -> None:
    error = refused(one_step("container: '${NOT_SET}/image.sif'"), check=False)
    assert error.message.startswith("job.yaml:8: container: the environment variable NOT_SET is not set")


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ("{events: 'data/*.nope'}", "no file matches"),
        ("{events: data}", "is a directory"),
        ("{events: '${NOT_SET_ANYWHERE}/a'}", "environment variable NOT_SET_ANYWHERE is not set"),
        ("{events: []}", "must be an earlier step"),
        ("{events: 3}", "must be an earlier step"),
        ("{events: [a, 3]}", "must be an earlier step"),
        ("{events: null}", "must be an earlier step"),
        ("{}", "the required input is missing"),
        ("{evnts: data/a.txt}", "not an input of the workload"),
        ("{events: only}", "is not an earlier step"),
        ("{events: [data/a.txt, 'data/*.txt']}", "duplicate file"),
        ("{events: '@nope.txt'}", "no such list of files"),
        ("{events: '@data'}", "cannot read the list"),
        ("[a]", "must be a mapping"),
    ],
)
def test_bad_inputs(inputs: str, words: str) -> None:
    error = refused(one_step(inputs=inputs))
    assert error.message.startswith("job.yaml:7: steps.only.inputs")
    assert words in error.message


def test_a_bad_line_of_a_list_is_named(folder: Path) -> None:
    (folder / "list.txt").write_text("data/a.txt\nnope\n")
    assert refused(one_step(inputs="{events: '@list.txt'}")).message.startswith(f"{folder}/list.txt:2: ")
    (folder / "list.txt").write_text("\n")
    assert "list of files is empty" in refused(one_step(inputs="{events: '@list.txt'}")).message


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_input(folder: Path) -> None:
    (folder / "data" / "a.txt").chmod(0)
    assert "cannot be read" in refused(one_step()).message


@pytest.mark.parametrize("size", [0, 1000, 3 << 20, (3 << 20) + 1, 9_000_001])
def test_digest_of_an_input(folder: Path, size: int) -> None:
    path = folder / "big"
    path.write_bytes(bytes(range(251)) * (size // 251) + b"x" * (size % 251))
    fast, full = describe_input(path, "fast"), describe_input(path, "full")
    assert fast.size == size and fast.digest[:5] == "fast:" and full.digest[:5] == "full:"
    assert input_changed(fast) == input_changed(full) == ""
    os.utime(path, ns=(1, 1))
    assert input_changed(fast) == input_changed(full) == ""  # a new time alone is no change
    if size:
        for place in {0, size // 2, size - 1}:
            with path.open("r+b") as file:
                file.seek(place)
                old = file.read(1)
                file.seek(place)
                file.write(bytes([old[0] ^ 1]))
            assert "other content" in input_changed(fast)
            assert "other content" in input_changed(full)
            with path.open("r+b") as file:
                file.seek(place)
                file.write(old)
            os.utime(path, ns=(1, 1))
    path.write_bytes(b"other length")
    assert "12 bytes" in input_changed(fast)
    path.unlink()
    assert "cannot be read any more" in input_changed(fast)


def test_only_the_full_digest_sees_what_lies_between(folder: Path) -> None:
    path = folder / "big"
    path.write_bytes(bytes(20 << 20))
    fast, full = describe_input(path, "fast"), describe_input(path, "full")
    with path.open("r+b") as file:
        file.seek(5 << 20)
        file.write(b"x")
    os.utime(path, ns=(1, 1))
    assert input_changed(fast) == ""
    assert "other content" in input_changed(full)
