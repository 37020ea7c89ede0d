"""Where a result comes from, kept beside it: versions, code state, machines, seed."""

from __future__ import annotations

import json
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hpcml.campaign import Campaign, StepPlan
from hpcml.registry import family_packages
from hpcml.seeds import STREAM_VERSION
from hpcml.share import resource_folder

CORE_PACKAGES = ("hpcml", "numpy", "h5py", "mpi4py")
# packages that are not called as the module that they bring
_PACKAGE_OF = {"sklearn": "scikit-learn"}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, those that are installed."""
    found = {"python": platform.python_version()}
    families = [_PACKAGE_OF.get(module, module) for module in family_packages()]
    for name in (*CORE_PACKAGES, *families):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_state(folder: Path) -> str:
    """The commit that `folder` stands on, read from .git itself; '' outside a checkout."""
    for place in (folder, *folder.parents):
        head = place / ".git" / "HEAD"
        if head.is_file():
            text = head.read_text(encoding="utf-8").strip()
            if not text.startswith("ref: "):
                return text
            name = text.removeprefix("ref: ")
            loose = place / ".git" / name
            if loose.is_file():
                return f"{loose.read_text(encoding='utf-8').strip()} ({name})"
            packed = place / ".git" / "packed-refs"
            if packed.is_file():
                for line in packed.read_text(encoding="utf-8").splitlines():
                    if line.endswith(f" {name}"):
                        return f"{line.split()[0]} ({name})"
            return name
    return ""


def provenance(
    campaign: Campaign, step: StepPlan, fingerprint: str, sources: list[dict[str, Any]]
) -> dict[str, str]:
    """Texts for /provenance of a table. sources: what the parts record of their ranks."""
    ranks = {
        (str(one.get("host")), str(one.get("cpu")), str(one.get("kernel")), str(one.get("job")))
        for one in sources
    }
    machines = [dict(zip(("host", "cpu", "kernel", "job"), one, strict=True)) for one in sorted(ranks)]
    return {
        "job_file": campaign.job_text,
        "campaign": json.dumps({**campaign.to_json(), "job_text": ""}, indent=1),
        "step": step.name,
        "workload": f"{step.workload} version {step.version}",
        "fingerprint": fingerprint,
        "seed": str(campaign.seed),
        "streams": STREAM_VERSION,
        "versions": json.dumps(versions()),
        "code": git_state(resource_folder("config").parent),
        "job_file_code": git_state(Path(campaign.base)) if campaign.base else "",
        "machines": json.dumps(machines),
        "merged": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": " ".join(sys.argv),
    }
