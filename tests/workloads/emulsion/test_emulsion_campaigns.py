"""Whole campaigns: digests however sharded, showers that are found, the real simulation."""

from __future__ import annotations

import numpy as np
import pytest
from emulsion_jobs import BASIC, frame, run

import hpcml


@pytest.mark.parametrize(("shards", "ranks"), [(2, 1), (3, 2), (7, 1)])
def test_the_same_bytes_however_sharded(basic, tmp_path, shards, ranks):
    run(tmp_path, BASIC, "--shards", shards, "--ranks", ranks)
    for step in ("tracks", "bricks", "showers"):
        one, other = (hpcml.open_table(folder / "campaign", step).digests for folder in (basic, tmp_path))
        assert one == other, step


def test_showers_are_found(basic):
    showers, candidates = frame(basic, "showers", "showers"), frame(basic, "showers", "candidates")
    assert showers.shower.tolist() == list(range(30))
    found = candidates.groupby("shower").signal.sum()
    assert (found / showers.true_segments.to_numpy()).median() > 0.9
    assert showers.linked.tolist() == candidates.groupby("shower").size().tolist()
    assert (candidates.link_angle <= 0.4).all()
    assert (candidates.ip_over_dz <= 0.4).all()
    # a shower never takes simulated base-tracks of another
    mine = candidates[candidates.source == 0]
    assert (mine.event == mine.shower).all()


def faser(fasernu, extra="", density=100):
    return f"""
campaign: fasernu
seed: 5
resources: {{ranks: 2, cpus: 1, memory: 1GB, walltime: 10m, shards: 1}}
steps:
  - name: bricks
    workload: emulsion.prepare
    inputs: {{tracks: "{fasernu}"}}
    parameters: {{layout: faser, orientation: from_upstream, density: {density}{extra}}}
  - {{name: showers, workload: emulsion.showers, inputs: {{bricks: bricks}}}}
"""


def test_the_real_simulation_goes_through_the_whole_chain(fasernu, tmp_path):
    text = (
        faser(fasernu)
        + """
  - name: train
    workload: emulsion.train
    inputs: {showers: showers}
    parameters: {trees: 60, block_size: 30}
  - {name: apply, workload: emulsion.apply, inputs: {showers: showers, model: train}}
  - {name: energy, workload: emulsion.energy, inputs: {sizes: apply}}
"""
    )
    run(tmp_path, text)
    starters = frame(tmp_path, "bricks", "starters")
    assert len(starters) == 29
    skipped = starters[starters.row < 0]
    assert set(skipped.reason) <= {"no film with 2 to 10"}
    showers, candidates = frame(tmp_path, "showers", "showers"), frame(tmp_path, "showers", "candidates")
    assert len(showers) == 29 - len(skipped)
    found = candidates.groupby("shower").signal.sum().reindex(showers.shower, fill_value=0).to_numpy()
    assert np.median(found / np.maximum(showers.true_segments.to_numpy(), 1)) > 0.8
    assert (candidates.source == 1).sum() > 1000  # background was mixed in
    assert hpcml.open_table(tmp_path / "campaign", "apply").summary()["roc_auc"] > 0.9
    assert np.isfinite(frame(tmp_path, "energy", "energies").energy).all()


def test_a_wrong_orientation_is_refused(fasernu, tmp_path):
    text = faser(fasernu).replace("orientation: from_upstream", "orientation: from_downstream")
    assert "does not fall with the number of the plate" in run(tmp_path, text, code=3)


def test_data_of_tracks_that_go_on(tmp_path):
    """Background that goes through films is a volume track of data, and starts showers of its own."""
    text = BASIC.split("  - {name: showers")[0].replace(
        "density: 150", "density: 150, through_going: 0.5, kind: data"
    ).replace("inputs: {tracks: tracks}", "inputs: {tracks: tracks}, parameters: {kind: data}")  # fmt: skip
    run(tmp_path, text)
    tracks = frame(tmp_path, "tracks", "tracks")
    long = tracks[tracks.track_id >= 10**12].groupby("track_id").plate
    assert (long.size() >= 2).mean() > 0.9  # others left the brick at its sides
    assert (long.max() - long.min() == long.size() - 1).all()
    per_film = tracks[tracks.id >= 10**12].groupby("plate").size()
    assert per_film.to_numpy() == pytest.approx(np.full(29, 150 * 36), rel=0.1)
    assert not tracks.duplicated(["plate", "id", "source"]).any()
    starters = frame(tmp_path, "bricks", "starters")
    assert len(starters) > 30


def test_more_showers_keep_what_is_computed(tmp_path):
    """Raising the number of showers adds blocks; the background is that of before."""
    small = BASIC.split("  - {name: bricks")[0].replace("showers: 30", "showers: 14")
    run(tmp_path, small)
    before = frame(tmp_path, "tracks", "tracks")
    assert "29 done" not in run(tmp_path, small.replace("showers: 14", "showers: 21"))
    after = frame(tmp_path, "tracks", "tracks")
    assert np.array_equal(after.x[: len(before)], before.x)
