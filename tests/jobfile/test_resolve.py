"""Settings: layers, origins, units of measure, YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
from settings_jobs import JOB, campaign, one_step, prepared, refused, take

from hpcml.campaign import Campaign
from hpcml.jobfile.models import job_schema
from hpcml.jobfile.origins import explain
from hpcml.quantities import parse_memory, parse_walltime


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return prepared(tmp_path, monkeypatch)


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


def test_schema_knows_the_keys() -> None:
    schema = job_schema()
    assert set(schema["properties"]) >= {"campaign", "seed", "site", "steps", "notify", "container"}
    assert schema["additionalProperties"] is False
    step = schema["$defs"]["StepEntry"]
    assert step["required"] == ["name", "workload"]
    assert step["properties"]["where"]["enum"] == ["here", "batch"]
    assert {"type": "string"} in schema["$defs"]["ResourcesEntry"]["properties"]["memory"]["anyOf"]
