"""What the jet benchmark times: `python -m tests.benchmarks.jets_timed NAME` prints seconds as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpcml import seeds
from hpcml.numerics.components import covariance_sums, principal_components, project
from hpcml.workload import Unit
from hpcml.workloads.jets import dijet, evaluation, images, labelling, statistics, synthetic
from hpcml.workloads.jets.event_sample import event_sample
from hpcml.workloads.jets.event_tables import ScanData
from hpcml.workloads.jets.reprocessing import reprocess
from hpcml.workloads.jets.steps.scan import ClusterScan, ScanParameters
from hpcml.workloads.jets.windows import mass_windows

ROUNDS = 3
EVENTS = 30_000
WINDOWS = mass_windows((3000.0, 4600.0), 100.0, steps=16)


@dataclass
class Streams:
    """As much of a unit's context as a scan asks for."""

    seed: int = 1

    def stream(self, *labels: int | str) -> np.random.Generator:
        return seeds.stream(self.seed, *labels)


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def events() -> tuple[np.ndarray, np.ndarray]:
    """(images (events, 2, 1600), m_jj) of simulated background."""
    pictures, masses = [], []
    for block in range(EVENTS // 1000):
        dijets = synthetic.background_events(seeds.stream(1, "events", block), 1000)
        pictures.append(reprocess(images.jet_images(dijets.constituents)).reshape(1000, 2, 1600))
        masses.append(dijets.m_jj)
    return np.concatenate(pictures), np.concatenate(masses)


def in_components(pixels: np.ndarray) -> np.ndarray:
    flat = pixels.reshape(-1, pixels.shape[-1])
    basis = principal_components(covariance_sums(flat), 128)
    return project(flat, basis)[0].reshape(len(pixels), 2, 128)


def data(jets: np.ndarray, m_jj: np.ndarray) -> ScanData:
    everything, nothing = np.arange(len(m_jj)), np.zeros(0, np.int64)
    kinds = [
        event_sample(jets, m_jj, rows, train_interval=(3000.0, 3100.0), windows=WINDOWS)
        for rows in (everything, nothing)
    ]
    return ScanData(kinds[0], kinds[1], WINDOWS, None)


def scan(shared: ScanData, b: int, first: int, count: int) -> None:
    payload = {"resampling": b, "initialisation": first, "initialisations": count}
    ClusterScan(ScanParameters(initialisations=15)).process(Unit("unit", payload), shared, Streams())  # type: ignore[arg-type]


def with_scikit_learn(jets: np.ndarray, m_jj: np.ndarray, b: int) -> np.ndarray:
    """The plain way: repeat rows, fit, label everything, count."""
    from sklearn.cluster import MiniBatchKMeans

    rng = np.random.default_rng(b)
    weights = np.bincount(rng.integers(0, len(m_jj), len(m_jj)), minlength=len(m_jj))
    inside = np.flatnonzero((m_jj >= 3000) & (m_jj < 3100))
    rows = np.repeat(inside, weights[inside])
    model = MiniBatchKMeans(50, batch_size=2048, n_init=1, random_state=b)
    model.fit(jets[rows].reshape(2 * len(rows), -1))
    label = model.predict(jets.reshape(2 * len(jets), -1)).reshape(-1, 2)
    counts = np.zeros((16, 50), np.int64)
    for window, (low, high) in enumerate(WINDOWS):
        chosen = np.flatnonzero((m_jj >= low) & (m_jj < high))
        repeated = np.repeat(label[chosen], weights[chosen], axis=0)
        counts[window] = [(repeated == cluster).sum() for cluster in range(50)]
    return counts


def resampling() -> dict[str, list[float]]:
    pixels, m_jj = events()
    modes = {"components": data(in_components(pixels), m_jj), "pixels": data(pixels, m_jj)}
    found: dict[str, list[float]] = {"scikit-learn": [], **{mode: [] for mode in modes}}
    for b in range(ROUNDS + 1):
        times = {"scikit-learn": seconds(lambda b=b: with_scikit_learn(pixels, m_jj, b))}
        for mode, shared in modes.items():
            times[mode] = seconds(lambda b=b, shared=shared: scan(shared, b, 0, 1))
        # the first round loads libraries
        for name, value in times.items() if b else ():
            found[name].append(value)
    return found


def initialisations() -> dict[str, list[float]]:
    pixels, m_jj = events()
    modes = {"components": data(in_components(pixels), m_jj), "pixels": data(pixels, m_jj)}
    found: dict[str, list[float]] = {}
    for mode, shared in modes.items():
        scan(shared, 0, 0, 1)
        found[mode] = [seconds(lambda b=b, s=shared: scan(s, b, 0, 15)) for b in range(ROUNDS)]
        found[f"{mode} apart"] = [
            seconds(lambda b=b, s=shared: [scan(s, b, i, 1) for i in range(15)]) for b in range(ROUNDS)
        ]
    return found


def one_image(constituents: np.ndarray) -> np.ndarray:
    """The image of one jet, step by step."""
    pt, eta, phi = constituents[constituents[:, 0] > 0].T
    phi = (phi - phi[0] + np.pi) % (2 * np.pi) - np.pi
    eta = eta - eta[0]
    phi = (phi - np.average(phi, weights=pt) + np.pi) % (2 * np.pi) - np.pi
    phi, eta = phi - np.average(phi, weights=pt), eta - np.average(eta, weights=pt)
    moments = np.array([[(pt * phi**2).sum(), (pt * phi * eta).sum()], [0.0, (pt * eta**2).sum()]])
    major = np.linalg.eigh(moments, UPLO="U")[1][:, 1]
    angle = -np.arctan2(major[1], major[0])
    phi, eta = phi * np.cos(angle) - eta * np.sin(angle), phi * np.sin(angle) + eta * np.cos(angle)
    quadrants = [
        pt[(phi > 0) & (eta > 0)].sum(), pt[(phi <= 0) & (eta > 0)].sum(),
        pt[(phi <= 0) & (eta <= 0)].sum(), pt[(phi > 0) & (eta <= 0)].sum(),
    ]  # fmt: skip
    heaviest = int(np.argmax(quadrants))
    phi = -phi if heaviest in (1, 2) else phi
    eta = -eta if heaviest in (2, 3) else eta
    edges = np.linspace(-0.8, 0.8, 41)
    image = np.histogram2d(phi, eta, bins=(edges, edges), weights=pt)[0]
    return image / image.sum()


def image_times() -> dict[str, list[float]]:
    jets = synthetic.background_events(seeds.stream(1, "events", 0), 1000).constituents.reshape(-1, 200, 3)
    block = images.jet_images(jets)
    found: dict[str, list[float]] = {"block": [], "per jet": []}
    for _ in range(ROUNDS):
        # one call takes 20 ms: too short for one measurement
        found["block"].append(
            seconds(lambda: [images.jet_images(jets) for _ in range(10)]) / (10 * len(jets))
        )
        found["per jet"].append(seconds(lambda: [one_image(jet) for jet in jets]) / len(jets))
    plain = np.stack([one_image(jet) for jet in jets])
    # a constituent within rounding of a pixel's edge may fall on either side
    same = np.abs(plain - block).max(axis=(1, 2)) < 1e-6
    if same.mean() < 0.995:
        raise AssertionError(f"only {same.mean():.1%} of the images agree")
    return found


def stored_runs() -> dict[str, float]:
    shape = np.exp(-np.arange(16) / 7.0)[:, None] * np.linspace(200, 2000, 50)
    rng = np.random.default_rng(1)
    block = rng.poisson(shape, (500, 16, 50)).astype(np.uint32)
    signal = np.zeros_like(block)
    how = evaluation.EvaluationSettings()

    def plain() -> None:
        for _ in range(126):
            rich = labelling.signal_rich(block, WINDOWS, threshold=how.threshold)
            found = statistics.rich_and_background_spectra(block, rich, windows=WINDOWS)
            statistics.aggregate_statistics(found, WINDOWS)
            statistics.cluster_statistics(block)
            statistics.diagnostics(block, signal, rich=rich)

    labelling.two_means(block[0], seeds.stream(1, "first"))  # loads libraries
    inclusive = block.sum(axis=2) / 2
    stream = seeds.stream(1, "labelling")
    return {
        "plain": seconds(plain),
        "fit": seconds(lambda: [dijet.fit_dijet(inclusive, WINDOWS) for _ in range(126)]),
        "cluster fits": 126 * seconds(lambda: labelling.signal_rich(block, WINDOWS, method="maxdev_fit")),
        "two means": 1260 * seconds(lambda: [labelling.two_means(run, stream) for run in block[:50]]),
    }


def full_set() -> dict[str, float]:
    """1.1 million events in a file, mapped as a merged table is."""
    total = 1_100_000
    with tempfile.TemporaryDirectory(prefix="hpcml-bench-") as folder:
        path = Path(folder) / "features"
        jets = np.memmap(path, np.float32, "w+", shape=(total, 2, 128))
        rng = np.random.default_rng(1)
        scale = np.exp(-np.arange(128) / 30.0).astype(np.float32)
        for first in range(0, total, 10_000):
            jets[first : first + 10_000] = rng.standard_normal((10_000, 2, 128), np.float32) * scale
        jets.flush()
        m_jj = np.concatenate(
            [synthetic.background_masses(seeds.stream(1, "masses", n), 100_000) for n in range(11)]
        )
        del jets
        shared = data(np.memmap(path, np.float32, "r", shape=(total, 2, 128)), m_jj)
        taken = seconds(lambda: scan(shared, 0, 0, 15))
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        # what getrusage reports includes the parent before the start
        peak, own = (
            next(float(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(name))
            for name in ("VmHWM", "RssAnon")
        )
    return {"seconds": taken, "peak": peak, "own": own}


TIMED: dict[str, Callable[[], Any]] = {
    "resampling": resampling,
    "initialisations": initialisations,
    "images": image_times,
    "stored_runs": stored_runs,
    "full_set": full_set,
}

if __name__ == "__main__":
    print(json.dumps(TIMED[sys.argv[1]]()))
