"""What the engine relies on, for every emulsion workload: repeatable units, schemas, summaries, figures."""

import pytest

from hpcml.testing import check_workload, run_in_memory
from hpcml.workloads.emulsion.steps.apply import AppliedForest
from hpcml.workloads.emulsion.steps.compare import ComparedShowers
from hpcml.workloads.emulsion.steps.energy import ShowerEnergies
from hpcml.workloads.emulsion.steps.folds import CrossValidation
from hpcml.workloads.emulsion.steps.prepare import PreparedBricks
from hpcml.workloads.emulsion.steps.showers import LinkedShowers
from hpcml.workloads.emulsion.steps.synthetic import SyntheticBrick, SyntheticParameters
from hpcml.workloads.emulsion.steps.train import TrainedForest


@pytest.fixture(scope="module")
def steps():
    """{step: its table in memory} of eight showers in little background."""
    small = SyntheticParameters(showers=8, block_size=4, density=20.0, energies=(3.0, 6.0))
    tables = {"tracks": run_in_memory(SyntheticBrick(small), seed=5)}
    for step, kind, inputs, parameters in (
        ("bricks", PreparedBricks, {"tracks": "tracks"}, {}),
        ("showers", LinkedShowers, {"bricks": "bricks"}, {}),
        ("model", TrainedForest, {"showers": "showers"}, {"trees": 10}),
        ("sizes", AppliedForest, {"showers": "showers", "model": "model"}, {"block_size": 4}),
    ):
        opened = {name: tables[source] for name, source in inputs.items()}
        tables[step] = run_in_memory(kind(kind.Parameters(**parameters)), opened, seed=5)
    return tables


@pytest.mark.parametrize(
    ("kind", "inputs", "parameters"),
    [
        (SyntheticBrick, (), {"showers": 3, "block_size": 2, "density": 0.0}),
        (SyntheticBrick, (), {"kind": "data", "through_going": 0.3, "density": 10.0}),
        (PreparedBricks, ("tracks",), {"density": 5.0}),
        (LinkedShowers, ("bricks",), {}),
        (TrainedForest, ("showers",), {"trees": 4, "block_size": 2}),
        (CrossValidation, ("showers",), {"folds": 2, "trees": 3}),
        (AppliedForest, ("showers", "model"), {"block_size": 4}),
        (ShowerEnergies, ("sizes",), {"min_size": 20}),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_units_are_repeatable_and_results_fit(steps, kind, inputs, parameters):
    assert check_workload(kind, parameters, {name: steps[name] for name in inputs}, units=4)


def test_a_comparison_of_a_step_with_itself_is_equal(steps):
    found = check_workload(
        ComparedShowers, {"min_size": 10}, dict.fromkeys(("data", "simulation"), steps["sizes"])
    )
    histograms = found["comparison"]["histograms"]
    assert histograms["data"].tolist() == histograms["simulation"].tolist()
    assert histograms["data"].sum() > 0
