"""Folders that a site's jobs cannot use: refused when a campaign is planned, and again when it is rendered.

The site file lists them as refuse_paths and private_paths.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from hpcml.campaign import Campaign
from hpcml.errors import UsageError


def check_paths(campaign: Campaign, *folders: Path) -> None:
    """UsageError when the campaign's `folders`, or what its jobs read, lie where the site says that they must
    not."""
    site = campaign.site
    refused, private = (dict(site.options.get(key) or {}) for key in ("refuse_paths", "private_paths"))
    for folder in folders:
        for prefix, reason in refused.items():
            if _inside(folder, prefix):
                raise UsageError(f"{folder} is not a place to submit from at {site.name}", reason)
    # without a shared file system inputs travel with the jobs, and jobs have a Python of their own
    read = _read_by_jobs(campaign) if site.options.get("shared_filesystem", True) else ()
    for what, path in (*(("the campaign", folder) for folder in folders), *read):
        for prefix, reason in private.items():
            if _inside(path, prefix):
                raise UsageError(f"{path} ({what}) lies where jobs at {site.name} do not see it", reason)


def _inside(path: Path, prefix: str) -> bool:
    return f"{path}/".startswith(f"{prefix.rstrip('/')}/")


def _read_by_jobs(campaign: Campaign) -> Iterator[tuple[str, Path]]:
    for step in campaign.steps:
        for name, given in step.inputs.items():
            campaigns = [one.campaign for one in given.sources if one.campaign]
            for path in (*(file.path for file in given.files), *campaigns):
                yield f"input {name!r} of step {step.name!r}", Path(path)
    if not campaign.container:
        yield "the Python of jobs", Path(str(campaign.site.options.get("python") or sys.executable))
