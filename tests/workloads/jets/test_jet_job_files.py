"""Every job file of jobs/ is valid."""

from pathlib import Path

import pytest
import shipped_jobs

JOBS = sorted((Path(shipped_jobs.ROOT) / "jobs").rglob("*.yaml"))


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_every_job_file_is_valid(path, tmp_path):
    shipped_jobs.hpcml("validate", path, cwd=tmp_path)
