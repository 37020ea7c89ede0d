"""Job files of emulsion campaigns and how tests run them; base-tracks of one small event."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import hpcml

ROOT = Path(__file__).resolve().parents[3]
BASIC = """
campaign: emulsion-test
seed: 5
resources: {ranks: 1, cpus: 1, memory: 1GB, walltime: 10m, shards: 1}
steps:
  - name: tracks
    workload: emulsion.synthetic
    parameters:
      {showers: 30, block_size: 7, energies: [6.0], density: 150, detector: {side: [60000, 60000]}}
  - {name: bricks, workload: emulsion.prepare, inputs: {tracks: tracks}}
  - {name: showers, workload: emulsion.showers, inputs: {bricks: bricks}}
"""
FILES = """
campaign: files
seed: 5
resources: {ranks: 1, cpus: 1, memory: 1GB, walltime: 10m, shards: 1}
steps:
  - {name: bricks, workload: emulsion.prepare, inputs: {tracks: brick.csv}}
  - {name: showers, workload: emulsion.showers, inputs: {bricks: bricks}}
"""


def command(*words, cwd, code=0):
    """`hpcml ...`: what it printed; fails with that when it ends otherwise than with `code`."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "hpcml", *map(str, words)],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def run(tmp_path, text, *options, name="campaign", code=0):
    job = tmp_path / "job.yaml"
    job.write_text(text)
    return command("run", job, "--dir", tmp_path / name, *options, cwd=tmp_path, code=code)


def frame(folder, step, table, name="campaign"):
    return hpcml.open_table(folder / name, step).frame(table)


def write(tmp_path, rows):
    pd.DataFrame(rows).to_csv(tmp_path / "brick.csv", index=False)


def base(**changes):
    """A file of one simulated event: a straight line of pairs on films 0 to 3, its primary on film 4."""
    plate = np.array([4, 3, 3, 2, 2, 1, 1, 0, 0])
    number = len(plate)
    rows = {
        "ID": np.arange(number), "PID": plate, "x": 5000.0 + 10 * np.arange(number), "y": np.full(number,
        5000.0), "z": -1315.0 * plate, "TX": np.zeros(number), "TY": np.zeros(number), "MCEvent":
        np.zeros(number, int), "MCTrack": np.arange(number), "P": np.full(number, 4.0),
    }  # fmt: skip
    return rows | changes
