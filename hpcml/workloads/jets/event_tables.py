"""Reads the events that earlier steps made: jets as images or components, masses, labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.errors import UsageError
from hpcml.workload import Input, InputSpec
from hpcml.workloads.jets import basis
from hpcml.workloads.jets.event_sample import EventSample, event_sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.numerics.components import Basis

IMAGES = InputSpec("images", "a step jets.images or jets.synthetic", kind="step")
EVENT_INPUTS = (
    InputSpec(
        "images",
        "a step jets.images, jets.synthetic or jets.project: background, and signal by label",
        kind="step",
    ),
    InputSpec("signal", "another such step, whose events are all signal", required=False, kind="step"),
)


class ScanData(NamedTuple):
    """Both kinds of events, the windows (steps, 2) in GeV, and the basis where jets are components."""

    background: EventSample
    signal: EventSample
    windows: NDArray[np.float64]
    basis: Basis | None


def jets_of(source: Input) -> NDArray[np.float32]:
    """The jets of an events step, memory-mapped float32 (events, 2, ...): components where it has them,
    images otherwise. UsageError when it has neither."""
    for column, table in (("feature", "features"), ("image", "images")):
        if source.has(column, table):
            return source.array(column, table)
    raise UsageError("the input holds no jets", "name a step jets.images, jets.synthetic or jets.project")


def masses_and_labels(source: Input) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """m_jj in GeV and label of an events step, (events,) each."""
    m_jj, label = source.columns("features" if source.has("m_jj", "features") else "images", "m_jj", "label")
    return m_jj, label


def open_events(
    inputs: Mapping[str, Input], windows: NDArray[np.float64], train_interval: tuple[float, float]
) -> ScanData:
    """Background and signal of the event inputs.

    Events of unknown label count as background: they are what is searched. UsageError when the two inputs do
    not fit to each other.
    """
    source = inputs["images"]
    jets = jets_of(source)
    m_jj, label = masses_and_labels(source)
    options: dict[str, Any] = {"train_interval": train_interval, "windows": windows}
    background = event_sample(jets, m_jj, np.flatnonzero(label != 1), **options)
    if "signal" not in inputs:
        signal = event_sample(jets, m_jj, np.flatnonzero(label == 1), **options)
        return ScanData(background, signal, windows, basis.basis_of(source))
    other = jets_of(inputs["signal"])
    if other.shape[1:] != jets.shape[1:]:
        raise UsageError(
            f"jets of input `images` have shape {jets.shape[1:]}, of `signal` {other.shape[1:]}",
            "make both with the same image_size, and project both with the same moments",
        )
    mass, _ = masses_and_labels(inputs["signal"])
    signal = event_sample(other, mass, np.arange(len(mass)), **options)
    return ScanData(background, signal, windows, basis.basis_of(source))
