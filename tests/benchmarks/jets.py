"""Cluster scanning against scikit-learn on a materialised resample, and against plain NumPy."""

from __future__ import annotations

import json
import sys
from statistics import median
from typing import Any

from tests.benchmarks import running
from tests.benchmarks.rows import Row, figure_row, ratio_row


def measure() -> list[Row]:
    rows: list[Row] = []
    for subject in (_resampling, _initialisations, _images, _stored_runs, _full_set):
        running.settle()
        rows += subject()
    return rows


def _timed(name: str) -> dict[str, Any]:
    ran = running.command([sys.executable, "-m", "tests.benchmarks.jets_timed", name])
    found: dict[str, Any] = json.loads(ran.out.splitlines()[-1])
    return found


def _resampling() -> list[Row]:
    found = _timed("resampling")
    theirs = found["scikit-learn"]
    rows = []
    for mode, least in (("components", 15.0), ("pixels", 1.5)):
        ratios = [reference / own for own, reference in zip(found[mode], theirs, strict=True)]
        rows.append(
            ratio_row(
                f"one resampling of 30,000 background events, k-means in {mode}: speed-up",
                f"{median(found[mode]):.3f} s",
                f"MiniBatchKMeans on the repeated rows, all jets labelled: {median(theirs):.2f} s",
                ratios,
                least=least,
            )
        )
    return rows


def _initialisations() -> list[Row]:
    found = _timed("initialisations")
    rows = []
    for mode in ("components", "pixels"):
        ratios = [apart / own for own, apart in zip(found[mode], found[f"{mode} apart"], strict=True)]
        rows.append(
            ratio_row(
                f"15 initialisations of one resampling in one unit, {mode}: speed-up",
                f"{median(found[mode]):.2f} s",
                f"15 units of one initialisation: {median(found[f'{mode} apart']):.2f} s",
                ratios,
                least=2.0,
            )
        )
    return rows


def _images() -> list[Row]:
    found = _timed("images")
    ratios = [twin / own for own, twin in zip(found["block"], found["per jet"], strict=True)]
    return [
        ratio_row(
            "images of jets with up to 200 constituents: speed-up",
            f"{median(found['block']) * 1e6:.1f} us per jet",
            f"NumPy, one jet after the other: {median(found['per jet']) * 1e6:.0f} us",
            ratios,
            least=20.0,
        )
    ]


def _stored_runs() -> list[Row]:
    found = _timed("stored_runs")
    what = "63,000 stored runs (16 windows, k = 50), one core"
    return [
        figure_row(f"{what}: every statistic without fit or k-means", [found["plain"]], "s", most=60.0),
        figure_row(f"{what}: 4-parameter fits of all events", [found["fit"]], "s"),
        figure_row(f"{what}: labelling by 3-parameter fits of each cluster", [found["cluster fits"]], "s"),
        figure_row(f"{what}: labelling by 2-means", [found["two means"]], "s"),
    ]


def _full_set() -> list[Row]:
    found = _timed("full_set")
    what = "1,100,000 events in 128 components, one resampling with 15 initialisations"
    return [
        figure_row(f"{what}: resident memory of a rank", [found["peak"] / 1e9], "GB", most=2.0),
        figure_row(f"{what}: of which its own, not shared", [found["own"] / 1e9], "GB"),
        figure_row(f"{what}: time", [found["seconds"]], "s"),
    ]
