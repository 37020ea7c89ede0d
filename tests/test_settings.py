"""Settings: layers, origins, units of measure, inputs; and every complaint is one line with a place."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

import pytest

from hpcml.campaign import Campaign
from hpcml.errors import JobFileError
from hpcml.jobfile import parse_memory, parse_walltime
from hpcml.settings import Resolved, describe_input, explain, input_changed, job_schema, resolve
from hpcml.yaml_lines import shown

WORKLOAD = """
from __future__ import annotations
from dataclasses import dataclass, field
from typing import Annotated, Literal
from annotated_types import Ge, Le
from hpcml.workload import InputSpec, Workload

@dataclass(frozen=True)
class Window:
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self):
        if self.low >= self.high:
            raise ValueError(f"low must be below high")

@dataclass(frozen=True)
class Parameters:
    clusters: Annotated[int, Ge(1)]
    width: Annotated[float, Ge(0), Le(10)] = 0.5
    mode: Literal["fast", "exact"] = "fast"
    radii: tuple[float, ...] = (0.4, 1.0)
    label: str | None = None
    limit: int | str = 0
    verbose: bool = False
    window: Window = field(default_factory=Window)

    def __post_init__(self):
        if self.clusters == 13 and self.mode == "exact":
            raise ValueError("13 clusters cannot be exact")

class Toy(Workload):
    name = "toy"
    version = 3
    Parameters = Parameters
    inputs = (InputSpec("events", "what to count"), InputSpec("mask", "what to drop", required=False))
    def units(self, inputs): return ()
    def tables(self): return ()
    def process(self, unit, shared, ctx): return {}

class NotOne:
    pass

@dataclass
class Odd:
    what: NotOne

class Unchecked(Toy):
    Parameters = Odd

class Bare(Toy):
    Parameters = NotOne

@dataclass(frozen=True, slots=True)
class Slots:
    depth: int = 3

class Slotted(Toy):
    Parameters = Slots
"""

JOB = """\
campaign: demo
seed: 7
resources: {ranks: 2, memory: 3 GB}
steps:
  - name: first
    workload: toy.py:Toy
    parameters:
      clusters: 5
    inputs: {events: data/a.txt}
  - name: second
    workload: toy.py:Toy
    resources: {ranks: 4}
    where: here
    inputs:
      events: first
    sweep:
      clusters: [20, 50]
      width: [1, 2.5]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a workload, three input files, and no settings of the person who runs the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.py").write_text(WORKLOAD)
    (tmp_path / "data").mkdir()
    for name in "cab":
        (tmp_path / "data" / f"{name}.txt").write_text(name * 10)
    return tmp_path


def take(
    text: str, *overrides: str, site: str | None = None, check: bool = True
) -> tuple[Resolved, list[str]]:
    Path("job.yaml").write_text(textwrap.dedent(text))
    return resolve(Path("job.yaml"), overrides=overrides, site=site, check_inputs=check)


def campaign(text: str, *overrides: str) -> Campaign:
    resolved, warnings = take(text, *overrides)
    assert warnings == []
    return resolved.campaign


def refused(text: str, *overrides: str, site: str | None = None) -> JobFileError:
    with pytest.raises(JobFileError) as caught:
        take(text, *overrides, site=site)
    message = caught.value.message
    assert "\n" not in message
    assert re.match(r"(\S+:\d+|--set|--site|--set \S+:\d+): \S+: .*, found .", message), message
    assert "pydantic" not in message and "Input should" not in message and "type=" not in message
    return caught.value


def one_step(extra: str = "", parameters: str = "{clusters: 5}", inputs: str = "{events: data/a.txt}") -> str:
    return (
        "campaign: demo\nseed: 7\nsteps:\n- name: only\n  workload: toy.py:Toy\n"
        f"  parameters: {parameters}\n  inputs: {inputs}\n{extra}"
    )


# ---------------------------------------------------------------- what comes out


def test_campaign_is_complete_and_survives_json(folder: Path) -> None:
    found = campaign(JOB)
    assert (found.name, found.seed, found.identity, found.base) == ("demo", 7, "", str(folder))
    assert found.job_text == JOB
    first, second = found.steps
    assert first.version == 3
    assert first.parameters == {
        "clusters": 5,
        "width": 0.5,
        "mode": "fast",
        "radii": [0.4, 1.0],
        "label": None,
        "limit": 0,
        "verbose": False,
        "window": {"low": 0.0, "high": 1.0},
    }
    assert [file.path for file in first.inputs["events"].files] == [str(folder / "data/a.txt")]
    assert first.inputs["events"].files[0].digest.startswith("fast:")
    assert (first.where, second.where) == ("batch", "here")
    assert (first.resources.ranks, second.resources.ranks) == (2, 4)
    assert second.resources.memory == 3_000_000_000
    assert second.inputs["events"].step == "first"
    assert second.sweep == {"clusters": (20, 50), "width": (1.0, 2.5)}
    assert "clusters" not in second.parameters and second.parameters["mode"] == "fast"
    assert Campaign.from_json(found.to_json()) == found


def test_origins(folder: Path) -> None:
    resolved, _ = take(JOB, "steps.second.resources.cpus=3", "seed=8")
    origins = resolved.origins
    assert resolved.campaign.seed == 8
    assert origins["seed"] == "--set"
    assert origins["campaign"] == "job.yaml:1"
    assert origins["steps.first.parameters.clusters"] == "job.yaml:8"
    assert origins["steps.first.parameters.width"] == "workload default"
    assert origins["steps.second.sweep.width"] == "job.yaml:18"
    assert origins["steps.first.resources.ranks"] == "job.yaml:3"
    assert origins["steps.second.resources.ranks"] == "job.yaml:12"
    assert origins["steps.second.resources.cpus"] == "--set"
    assert origins["steps.first.resources.walltime"].startswith("config/defaults.yaml:")
    assert origins["steps.first.max_attempts"].startswith("config/defaults.yaml:")
    assert origins["site.name"].startswith("config/defaults.yaml:")
    assert origins["site.scheduler"].startswith("config/sites/local.yaml:")


def test_explain_lists_every_value_with_an_origin() -> None:
    rows = explain(take(JOB)[0])
    table = {key: (value, origin) for key, value, origin in rows}
    assert len(table) == len(rows)
    assert all(origin for _, _, origin in rows)
    assert all("\n" not in value for _, value, _ in rows)
    assert table["seed"] == ("7", "job.yaml:2")
    assert table["steps.first.parameters.radii"] == ("[0.4, 1.0]", "workload default")
    assert table["steps.second.sweep.clusters"] == ("[20, 50]", "job.yaml:17")
    assert table["steps.second.inputs.events"] == ("first", "job.yaml:15")
    assert table["site.kernel"] == ("''", "default")


def test_site_layers(folder: Path) -> None:
    sites = folder / "xdg" / "hpcml" / "sites"
    sites.mkdir(parents=True)
    (sites / "big.yaml").write_text(
        "scheduler: slurm\nsetup: [module load X]\nenvironment: {A: 1, B: b}\n"
        "directives: {partition: p, exclusive: true, mem: null, nice: 3}\n"
        "resources: {ranks: 32, cpus: 4}\n"
    )
    resolved, _ = take(JOB, site="big")
    site = resolved.campaign.site
    assert (site.name, site.scheduler, site.setup) == ("big", "slurm", ("module load X",))
    assert site.environment == {"A": "1", "B": "b"}
    assert site.directives == {"partition": "p", "exclusive": True, "mem": None, "nice": 3}
    first = resolved.campaign.steps[0].resources
    assert (first.ranks, first.cpus) == (2, 4)  # the job file is over the site, the site over defaults
    assert resolved.origins["steps.first.resources.cpus"] == f"{sites}/big.yaml:5"
    assert resolved.origins["site.name"] == "--site"
    (sites / "local.yaml").write_text("launcher: none\n")  # the user's directory is searched first
    assert campaign(JOB).site.launcher == "none"


def test_set_reaches_every_level() -> None:
    found = campaign(
        JOB,
        "steps.first.parameters.window.high=4",
        "steps.first.parameters.radii=[1, 2]",
        "notify={mail: me@x.ch}",
        "steps.second.sweep.clusters=[1]",
        "steps.first.parameters.label=a=b",
    )
    assert found.steps[0].parameters["window"] == {"low": 0.0, "high": 4.0}
    assert found.steps[0].parameters["radii"] == [1.0, 2.0]
    assert found.steps[0].parameters["label"] == "a=b"
    assert found.notify == {"mail": "me@x.ch"}
    assert found.steps[1].sweep["clusters"] == (1,)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (5, 5), ("2GB", 2 * 10**9), ("2 GB", 2 * 10**9), ("2GiB", 2 << 30), ("1.5 GB", 1_500_000_000),
        ("512 MiB", 512 << 20), ("3kB", 3000), ("7 B", 7), ("1 TB", 10**12),
    ],
)  # fmt: skip
def test_memory(text: object, number: int) -> None:
    assert parse_memory(text) == number


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (60, 60), ("90m", 5400), ("1h30m", 5400), ("01:30:00", 5400), ("1:30:00", 5400), ("2d", 172800),
        ("2-00:00:00", 172800), ("1d2h3m4s", 93784), ("100:00:00", 360000),
    ],
)  # fmt: skip
def test_walltime(text: object, seconds: int) -> None:
    assert parse_walltime(text) == seconds


@pytest.mark.parametrize("value", ["2G", "GB", "2 XB", "-1 GB", "", "'2.5'", "true", "1.5", "[]", "0"])
def test_bad_memory(value: str) -> None:
    assert (
        "job.yaml:8: resources.memory: must be"
        in refused(one_step(f"resources: {{memory: {value}}}")).message
    )


@pytest.mark.parametrize("value", ["2", "1.5h", "90:00", "h", "", "'-5'", "1h 30m", "false", "-1", "0"])
def test_bad_walltime(value: str) -> None:
    value = f"'{value}'" if value in ("2", "90:00", "") else value
    error = refused(one_step(f"resources: {{walltime: {value}}}"))
    assert "job.yaml:8: resources.walltime: must be" in error.message


def test_yaml_scalars_are_what_people_mean() -> None:
    found = campaign(one_step(parameters="{clusters: 1_000, width: 1e-3, label: no, limit: 0x10}"))
    parameters = found.steps[0].parameters
    assert (parameters["clusters"], parameters["width"]) == (1000, 1e-3)
    assert (parameters["label"], parameters["limit"]) == ("no", 16)
    assert campaign(one_step(parameters="{clusters: 1, label: 2024-06-01}")).steps[0].parameters["label"] == (
        "2024-06-01"
    )


def test_a_dataclass_with_slots() -> None:
    text = one_step(parameters="{depth: 4}").replace("toy.py:Toy", "toy.py:Slotted")
    assert campaign(text).steps[0].parameters == {"depth": 4}


def test_infinity_is_a_number() -> None:
    found = campaign(one_step(parameters="{clusters: 1, window: {low: -.inf, high: .inf}}"))
    assert found.steps[0].parameters["window"] == {"low": float("-inf"), "high": float("inf")}


def test_anchors_and_merges() -> None:
    found = campaign(
        """\
        campaign: demo
        seed: 1
        steps:
          - name: a
            workload: toy.py:Toy
            inputs: {events: data/a.txt}
            parameters: &shared
              clusters: 4
              width: 2
          - name: b
            workload: toy.py:Toy
            inputs: {events: data/a.txt}
            parameters:
              width: 3
              <<: *shared
        """
    )
    assert found.steps[1].parameters["clusters"] == 4
    assert found.steps[1].parameters["width"] == 3


# ---------------------------------------------------------------- inputs


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
        ("{events: [data/a.txt, 'data/*.txt']}", "the file is there twice"),
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


# ---------------------------------------------------------------- complaints


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", "job.yaml:1: file: is empty"),
        ("# only a comment\n", "job.yaml:1: file: is empty"),
        ("- a\n- b\n", "job.yaml:1: file: must be a mapping"),
        ("just text", "job.yaml:1: file: must be a mapping"),
        ("a: 1\nb: [1, 2\n", "job.yaml:3: YAML: "),
        ("a: b: c\n", "job.yaml:1: YAML: mapping values are not allowed here"),
        ("a:\n\tb: 1\n", "job.yaml:2: YAML: has a tab"),
        ("a: 1\n---\nb: 2\n", "job.yaml:2: YAML: has a second document"),
        ("a: 1\nb: 2\na: 3\n", "job.yaml:3: file: the key is there twice, found 'a'"),
        ("a: 1\nb: {c: 1, c: 2}\n", "job.yaml:2: b: the key is there twice, found 'c'"),
        ("a: !!python/object:os.system 1\n", "job.yaml:1: a: tags are not allowed"),
        ("a: !mine [1]\n", "job.yaml:1: a: tags are not allowed"),
        ("a: !!int x\n", "job.yaml:1: a: is not a int"),
        ("a: !!bool x\n", "job.yaml:1: a: is not a bool"),
        ("a: &x [*x]\n", "job.yaml:1: a.0: an anchor that contains itself"),
        ("a: *x\n", "job.yaml:1: YAML: found undefined alias"),
        ("a:\n  <<: 3\n", "job.yaml:2: a: `<<` needs a mapping"),
        ("1: 2\n", "job.yaml:1: file: keys must be text"),
        ("? [a]\n: 2\n", "job.yaml:1: file: keys must be text"),
        ("a: \x07\n", "job.yaml:1: YAML: has a character that YAML forbids"),
    ],
)
def test_not_a_yaml_mapping(text: str, start: str) -> None:
    assert refused(text).message.startswith(start)


def test_not_a_readable_file(folder: Path) -> None:
    def message(path: str) -> str:
        with pytest.raises(JobFileError) as caught:
            resolve(Path(path), check_inputs=True)
        return caught.value.message

    assert message("nope.yaml") == "nope.yaml:1: file: no such file, found 'nope.yaml'"
    assert message("data") == "data:1: file: is a directory, not a file, found 'data'"
    (folder / "latin.yaml").write_bytes("a: 1\nb: é\n".encode("latin-1"))
    assert message("latin.yaml") == "latin.yaml:2: file: is not UTF-8 text, found b'\\xe9'"
    (folder / "bom.yaml").write_text(one_step(), encoding="utf-8-sig")
    assert resolve(Path("bom.yaml"), check_inputs=True)[0].campaign.name == "demo"


@pytest.mark.parametrize(
    ("text", "start", "hint"),
    [
        (one_step("sede: 3"), "job.yaml:8: sede: unknown key, found 3", "did you mean 'seed'?"),
        (one_step("zzz: 3"), "job.yaml:8: zzz: unknown key, found 3", "known keys: campaign, seed, site"),
        (
            one_step("resources: {rank: 3}"),
            "job.yaml:8: resources.rank: unknown key",
            "did you mean 'ranks'?",
        ),
        (
            one_step("  wher: here"),
            "job.yaml:8: steps.only.wher: unknown key, found 'here'",
            "did you mean 'where'?",
        ),
        (
            one_step("  where: hree"),
            "job.yaml:8: steps.only.where: must be 'here' or 'batch', found 'hree'",
            "did you mean 'here'?",
        ),
        (
            one_step("  compression: zip"),
            "job.yaml:8: steps.only.compression: must be 'none', 'gzip'",
            "gzip",
        ),
        (
            one_step("  max_attempts: 0"),
            "job.yaml:8: steps.only.max_attempts: must be at least 1, found 0",
            "",
        ),
        (
            one_step("resources: {ranks: two}"),
            "job.yaml:8: resources.ranks: must be a whole number, found 'two'",
            "",
        ),
        (
            one_step("resources: {ranks: 2.0}"),
            "job.yaml:8: resources.ranks: must be a whole number, found 2.0",
            "",
        ),
        (one_step("resources: {ranks: true}"), "job.yaml:8: resources.ranks: must be a whole number", ""),
        (one_step("resources: 3"), "job.yaml:8: resources: must be a mapping (key: value), found 3", ""),
        (one_step("notify: {male: x}"), "job.yaml:8: notify.male: unknown key", "did you mean 'mail'?"),
        (one_step("container: ''"), "job.yaml:8: container: must have at least 1 character", ""),
        (one_step("site: lokal"), "job.yaml:8: site: no such site, found 'lokal'", "did you mean 'local'?"),
        (one_step("site: ../local"), "job.yaml:8: site: must match", ""),
        (
            "campaign: a\nseed: -1\nsteps: []",
            "job.yaml:2: seed: must be at least 0, found -1 (and 1 more",
            "",
        ),
        ("campaign: A b\nseed: 1\nsteps: 3", "job.yaml:1: campaign: must match", "a name"),
        ("campaign: a\nseed: 1\nsteps: 3", "job.yaml:3: steps: must be a list, found 3", ""),
        ("campaign: a\nseed: 1\nsteps: [x]", "job.yaml:3: steps[0]: must be a mapping", ""),
        ("seed: 1", "job.yaml:1: campaign: the required key is missing, found ['seed'] (and 1 more", ""),
        ("campaign: 12\nseed: 1", "job.yaml:1: campaign: must be text, found 12", "put it in quotes: '12'"),
        (
            "campaign: a\nseed: 1\nsteps:\n- name: x\n  parameters: {}\n",
            "job.yaml:4: steps.x.workload: the required key is missing, found ['name', 'parameters']",
            "",
        ),
        (
            one_step("- name: only\n  workload: toy.py:Toy"),
            "job.yaml:8: steps.only.name: another step has this name, found 'only'",
            "",
        ),
    ],
)
def test_wrong_keys_and_values(text: str, start: str, hint: str) -> None:
    error = refused(text)
    assert error.message.startswith(start)
    assert hint in error.hint


@pytest.mark.parametrize(
    ("parameters", "start", "hint"),
    [
        ("{clusters: 5, widht: 1}", "parameters.widht: unknown key, found 1", "did you mean 'width'?"),
        ("{width: 1}", "parameters.clusters: the required key is missing, found ['width']", ""),
        ("{clusters: '5'}", "parameters.clusters: must be a whole number, found '5'", ""),
        ("{clusters: 5.0}", "parameters.clusters: must be a whole number, found 5.0", ""),
        ("{clusters: 0}", "parameters.clusters: must be at least 1, found 0", ""),
        ("{clusters: 5, width: 11}", "parameters.width: must be at most 10.0, found 11", ""),
        ("{clusters: 5, mode: fats}", "parameters.mode: must be 'fast' or 'exact'", "did you mean 'fast'?"),
        ("{clusters: 5, radii: [1, x]}", "parameters.radii[1]: must be a number, found 'x'", ""),
        ("{clusters: 5, radii: 1}", "parameters.radii: must be a list, found 1", ""),
        ("{clusters: 5, label: 3}", "parameters.label: must be text, found 3", "quotes"),
        ("{clusters: 5, limit: []}", "parameters.limit: must be a whole number or text, found []", ""),
        ("{clusters: 5, verbose: 1}", "parameters.verbose: must be true or false, found 1", ""),
        ("{clusters: 5, window: {lo: 1}}", "parameters.window.lo: unknown key", "did you mean 'low'?"),
        ("{clusters: 5, window: 3}", "parameters.window: must be a mapping", ""),
        ("{clusters: 5, window: {low: 2}}", "parameters.window: low must be below high", ""),
        ("{clusters: 13, mode: exact}", "parameters: 13 clusters cannot be exact", ""),
        ("3", "parameters: must be a mapping (key: value), found 3", ""),
    ],
)
def test_wrong_parameters(parameters: str, start: str, hint: str) -> None:
    error = refused(one_step(parameters=parameters))
    assert error.message.startswith(f"job.yaml:6: steps.only.{start}")
    assert hint in error.hint


@pytest.mark.parametrize(
    ("sweep", "start", "hint"),
    [
        ("{clustres: [1]}", "sweep.clustres: not a parameter of the workload", "did you mean 'clusters'?"),
        ("{clusters: [1]}", "sweep.clusters: is in `sweep` and in `parameters`", "delete one"),
        ("{width: []}", "sweep.width: must have at least 1 value", ""),
        ("{width: 3}", "sweep.width: must be a list", ""),
        ("{width: [1, x]}", "sweep.width[1]: must be a number, found 'x'", ""),
        ("{width: [1, 2, 1.0]}", "sweep.width[2]: the value is there twice, found 1.0", ""),
        ("{width: [1, 12, 13]}", "sweep.width[1]: must be at most 10.0, found 12 (and 1 more error)", ""),
        ("{window: [{low: 3}]}", "sweep.window[0]: low must be below high", ""),
    ],
)
def test_wrong_sweeps(sweep: str, start: str, hint: str) -> None:
    error = refused(one_step(f"  sweep: {sweep}"))
    assert error.message.startswith(f"job.yaml:8: steps.only.{start}")
    assert hint in error.hint


def test_a_rule_that_joins_two_swept_parameters() -> None:
    text = one_step("  sweep: {clusters: [5, 13], mode: [fast, exact]}", parameters="{}")
    assert "13 clusters cannot be exact, found {'clusters': 13, 'mode': 'exact'}" in refused(text).message


@pytest.mark.parametrize(
    ("workload", "words", "hint"),
    [
        ("jets.imagse", "unknown workload 'jets.imagse'", "did you mean 'jets.images'?"),
        ("toy.py:Tyo", "toy.py has no class 'Tyo'", "did you mean 'Toy'?"),
        ("none.py:Toy", "no workload file", ""),
        ("no_such_module:Toy", "needs the module 'no_such_module'", "PYTHONPATH"),
        ("toy.py:NotOne", "is not a subclass of hpcml.workload.Workload", ""),
        ("broken.py:Toy", "importing it raised SyntaxError", ""),
        ("toy.py:Unchecked", "its Parameters has a field that YAML cannot express", "nested frozen"),
        ("toy.py:Bare", "its Parameters is not a dataclass", "nested frozen"),
    ],
)
def test_wrong_workloads(folder: Path, workload: str, words: str, hint: str) -> None:
    (folder / "broken.py").write_text("def (:\n")
    error = refused(one_step().replace("toy.py:Toy", workload))
    assert error.message.startswith("job.yaml:5: steps.only.workload: ")
    assert words in error.message and hint in error.hint


@pytest.mark.parametrize(
    ("override", "start", "hint"),
    [
        ("seed", "--set: seed: must be key=value", ""),
        ("=3", "--set: key: must be key=value", ""),
        ("a..b=3", "--set: a..b: must be key=value", ""),
        ("sede=3", "--set: sede: unknown key, found 3", "did you mean 'seed'?"),
        ("seed=x", "--set: seed: must be a whole number, found 'x'", ""),
        ("seed.x=3", "--set: seed.x: seed has no keys below it, found 7", ""),
        ("steps.onyl.where=here", "--set: steps.onyl.where: no such step", "did you mean 'only'?"),
        ("steps.only.paramters.clusters=3", "--set: steps.only.paramters: unknown key", "'parameters'?"),
        ("steps.only.parameters.clutsers=3", "--set: steps.only.parameters.clutsers: unknown", "'clusters'?"),
        ("resources.rank=3", "--set: resources.rank: unknown key, found 3", "did you mean 'ranks'?"),
        ("seed=[1", "--set seed:1: YAML: ", ""),
    ],
)
def test_wrong_overrides(override: str, start: str, hint: str) -> None:
    error = refused(one_step(), override)
    assert error.message.startswith(start)
    assert hint in error.hint


def test_wrong_site_file(folder: Path) -> None:
    sites = folder / "xdg" / "hpcml" / "sites"
    sites.mkdir(parents=True)
    (sites / "mine.yaml").write_text("scheduler: local\nlaunhcer: auto\n")
    error = refused(one_step(), site="mine")
    assert error.message == f"{sites}/mine.yaml:2: launhcer: unknown key, found 'auto'"
    assert error.hint == "did you mean 'launcher'?"
    assert refused(one_step(), site="nope").message == "--site: site: no such site, found 'nope'"


def test_the_first_error_of_the_file_is_reported() -> None:
    text = one_step("  where: x", parameters="{clusters: 5, q: 1, widht: 2}")
    assert refused(text).message.startswith("job.yaml:8: steps.only.where: ")  # shape before meaning
    message = refused(one_step(parameters="{clusters: 5, q: 1, widht: 2}", inputs="{}")).message
    assert message.startswith("job.yaml:6: steps.only.parameters.q: unknown key")
    assert message.endswith("(and 2 more errors)")


# ---------------------------------------------------------------- for editors


def test_schema_knows_the_keys() -> None:
    schema = job_schema()
    assert set(schema["properties"]) >= {"campaign", "seed", "site", "steps", "notify", "container"}
    assert schema["additionalProperties"] is False
    step = schema["$defs"]["StepEntry"]
    assert step["required"] == ["name", "workload"]
    assert step["properties"]["where"]["enum"] == ["here", "batch"]
    assert {"type": "string"} in schema["$defs"]["ResourcesEntry"]["properties"]["memory"]["anyOf"]
