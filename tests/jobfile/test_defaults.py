"""Defaults are written in campaign.py; config/defaults.yaml shows the same to people who look for them."""

from __future__ import annotations

from dataclasses import asdict

import yaml

from hpcml.campaign import LauncherName, Resources, SchedulerName, Site, StepPlan
from hpcml.jobfile.models import DefaultsFile, ResourcesEntry, SiteFile, StepEntry
from hpcml.quantities import parse_memory, parse_walltime
from hpcml.share import resource_folder


def test_the_file_of_defaults_agrees() -> None:
    raw = yaml.safe_load((resource_folder("config") / "defaults.yaml").read_text())
    resources = raw["resources"]
    resources |= {
        "memory": parse_memory(resources["memory"]),
        "walltime": parse_walltime(resources["walltime"]),
    }
    assert resources == asdict(Resources())
    step = StepPlan(name="x", workload="x", version=1)
    assert raw["step"] == {name: getattr(step, name) for name in raw["step"]}
    assert raw["site"] == Site().name
    assert DefaultsFile.model_validate_json("{}") == DefaultsFile()


def test_the_models_take_them_from_there() -> None:
    assert ResourcesEntry().model_dump() == asdict(Resources())
    entry = StepEntry(name="x", workload="x")
    assert (entry.where, entry.max_attempts, entry.compression) == ("batch", 2, "none")


def test_a_site_file_names_any_scheduler_and_launcher_and_no_other() -> None:
    fields = SiteFile.model_fields
    assert fields["scheduler"].annotation is SchedulerName
    assert fields["launcher"].annotation is LauncherName
    for name in SchedulerName:
        assert SiteFile.model_validate_json(f'{{"scheduler": "{name}"}}', strict=True).scheduler is name
