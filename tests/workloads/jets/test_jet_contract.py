"""Every registered jet workload keeps what the engine relies on, and gives equal results in any order."""

import subprocess
import sys

import numpy as np
import pytest
from given import SEED

from hpcml.registry import BUILTIN, load
from hpcml.testing import check_workload, run_in_memory
from hpcml.workloads.jets.steps.moments import ImageMoments, MomentParameters
from hpcml.workloads.jets.steps.project import ProjectedEvents, ProjectParameters
from hpcml.workloads.jets.steps.scan import ClusterScan, ScanParameters
from hpcml.workloads.jets.steps.toys import FitToys, ToyParameters

SCAN = {
    "k": 5, "evaluation_interval": (2600.0, 4200.0), "train_interval": (2600.0, 2800.0), "batch_size": 256,
    "resamplings": 3, "initialisations": 2, "keep_centres": True,
}  # fmt: skip
PARAMETERS = {
    "jets.synthetic": {"background_events": 60, "signal_events": 30, "block_size": 30},
    "jets.images": {"block_size": 4},
    "jets.moments": {"block_size": 500},
    "jets.project": {"components": 20, "block_size": 500},
    "jets.agreement": {"k": 5, "batch_size": 256, "train_interval": (2600.0, 2800.0), "events": 300},
    "jets.scan": SCAN,
    "jets.evaluate": {"k": 5, "block_size": 3},
    "jets.rebin": {"k": 5, "evaluation_interval": (2600.0, 4200.0)},
    "jets.toys": {"evaluation_interval": (2600.0, 4200.0), "toys": 40, "block_size": 20},
    "jets.significance": {"statistics": ("mls_two_sided", "fit_one_sided")},
}


@pytest.fixture(scope="module")
def steps(simulated):
    """One merged step of each kind that others read."""
    moments = run_in_memory(ImageMoments(MomentParameters()), {"images": simulated}, seed=SEED)
    projected = ProjectedEvents(ProjectParameters(components=20))
    features = run_in_memory(projected, {"images": simulated, "moments": moments}, seed=SEED)
    scan = run_in_memory(ClusterScan(ScanParameters(**SCAN)), {"images": simulated}, seed=SEED)
    toys = FitToys(ToyParameters(evaluation_interval=(2600.0, 4200.0), toys=50))
    return {
        "images": simulated,
        "moments": moments,
        "features": features,
        "scan": scan,
        "toys": run_in_memory(toys, {"images": simulated}, seed=SEED),
    }


def test_every_registered_name_is_checked_here():
    assert set(PARAMETERS) == {name for name in BUILTIN if name.startswith("jets.")}


FIRST_UNIT = pytest.mark.xfail(
    strict=True,
    reason="the first unit of a scan alone has centre images, and unit_parameters decide which one is first",
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=FIRST_UNIT if name == "jets.scan" else ()) for name in PARAMETERS]
)
def test_a_workload_keeps_the_contract(name, steps, request):
    workload = load(name)
    inputs = {spec.name: steps[spec.name] for spec in workload.inputs if spec.name in steps}
    if name == "jets.images":
        inputs = {"events": request.getfixturevalue("jets_data") / "lhco_rnd_tiny.h5"}
    # the streams of a re-binning are those of its scan
    results = check_workload(workload, PARAMETERS[name], inputs, seed=SEED)
    assert results
    for tables in results.values():
        for columns in tables.values():
            for column, array in columns.items():
                if array.dtype.kind == "f" and column != "events":
                    assert np.isfinite(array).all(), column


def test_importing_the_workloads_loads_no_physics_library():
    code = (
        "import sys, importlib;"
        "from hpcml.registry import BUILTIN;"
        "[importlib.import_module(target.partition(':')[0]) for name, target in BUILTIN.items()"
        " if name.startswith('jets.')];"
        "heavy = {'sklearn', 'scipy', 'pandas', 'matplotlib', 'fastjet', 'h5py', 'tables', 'pydantic'};"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
