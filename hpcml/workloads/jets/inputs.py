"""Opens event files, returns arrays: LHC Olympics files, clustered jets, ready images.

lhco       pandas HDF5, key `df`, one row per event: 700 x (pT, eta, phi) padded with zeros, then the
           label if there is one
clustered  HDF5 with `events` (n, 2, 200, 4) of (E, px, py, pz) padded with zeros, `m_jj` (n,),
           and `labels` (n,) if known
images     HDF5 with `data` (n, 2, size, size) and `m_jj` (n,), or the masses in an .npy file
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import h5py
import numpy as np

from hpcml.errors import UsageError
from hpcml.readers.checks import require_finite, unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

KEY = "df"
PARTICLES = 700
MOMENTA = 3 * PARTICLES
UNKNOWN = 255
EXPECTED = {
    "lhco": f"LHC Olympics files hold one pandas frame under the key {KEY!r}",
    "clustered": "clustered jets are `events` (n, 2, 200, 4), `m_jj` and perhaps `labels`",
    "images": "ready images are `data` (n, 2, 40, 40), masses `m_jj` or a file of them (input `masses`)",
}


class Events(NamedTuple):
    """particles: float64 (n, slots, 3), (pT in GeV, eta, phi) padded with zeros, of complete events.
    label: uint8 (n,), 1 for signal, 0 for background, 255 where the file does not say."""

    particles: NDArray[np.float64]
    label: NDArray[np.uint8]


class Clustered(NamedTuple):
    """constituents: float64 (n, 2, slots, 3), (pT, eta, phi) in the order of the file.
    m_jj: float64 (n,), GeV. label: as in Events."""

    constituents: NDArray[np.float64]
    m_jj: NDArray[np.float64]
    label: NDArray[np.uint8]


class Pictures(NamedTuple):
    """images: float32 (n, 2, size, size). m_jj: float64 (n,), GeV. label: as in Events."""

    images: NDArray[np.float32]
    m_jj: NDArray[np.float64]
    label: NDArray[np.uint8]


def count_events(path: Path, layout: str = "lhco") -> int:
    """Number of events of a file, from its shape alone. UsageError when it is no such file."""
    try:
        with h5py.File(path, "r") as file:
            if layout == "lhco":
                group = file[KEY]
                # pandas writes a frame in a `fixed` or in a `table` layout
                rows = group["axis1"] if "axis1" in group else group["table"]
            else:
                rows = file["events" if layout == "clustered" else "data"]
            return int(rows.shape[0])
    except (OSError, KeyError) as error:
        raise unreadable(path, EXPECTED[layout], error) from error


def read_events(path: Path, first: int, *, count: int) -> Events:
    """Rows first .. first+count of an LHC Olympics file. UsageError for another number of columns, or
    for particles that are not finite."""
    import pandas

    with pandas.HDFStore(path, mode="r") as store:
        frame = store.select(KEY, start=first, stop=first + count)
    values = frame.to_numpy(dtype=np.float64)
    if values.shape[1] not in (MOMENTA, MOMENTA + 1):
        raise UsageError(
            f"{path} has {values.shape[1]} columns, expected {MOMENTA + 1}",
            "700 times (pT, eta, phi), then the label, or no label at all",
        )
    require_finite(path, values, first, row="event")
    label = np.full(len(values), UNKNOWN, np.uint8)
    if values.shape[1] > MOMENTA:
        label = values[:, -1].astype(np.uint8)
    return Events(values[:, :MOMENTA].reshape(-1, PARTICLES, 3), label)


def read_clustered(path: Path, first: int, *, count: int) -> Clustered:
    """Events first .. first+count of a file of clustered jets. UsageError where it is none, or where
    momenta are not finite."""
    part = slice(first, first + count)
    try:
        with h5py.File(path, "r") as file:
            momenta = file["events"][part].astype(np.float64)
            m_jj = file["m_jj"][part].astype(np.float64)
            label = _labels(file, part, count=len(momenta))
    except (OSError, KeyError) as error:
        raise unreadable(path, EXPECTED["clustered"], error) from error
    if momenta.ndim != 4 or momenta.shape[1] != 2 or momenta.shape[3] != 4:
        found = ", ".join(map(str, momenta.shape[1:]))
        raise UsageError(f"{path}: `events` has shape (n, {found}), expected (n, 2, slots, 4)")
    require_finite(path, momenta, first, row="event")
    require_finite(path, m_jj, first, row="event")
    px, py, pz = momenta[..., 1], momenta[..., 2], momenta[..., 3]
    pt = np.hypot(px, py)
    # empty slots and particles along the beam have no direction in the plane
    eta = np.arcsinh(np.divide(pz, pt, out=np.zeros_like(pt), where=pt > 0))
    return Clustered(np.stack([pt, eta, np.arctan2(py, px)], axis=-1), m_jj, label)


def read_images(path: Path, first: int, *, count: int, masses: Path | None, size: int) -> Pictures:
    """Events first .. first+count of a file of images; `masses`, an .npy file with one mass per event,
    when the images' file holds none. UsageError where shapes do not fit or values are not finite."""
    part = slice(first, first + count)
    try:
        with h5py.File(path, "r") as file:
            images = file["data"][part].astype(np.float32)
            total = file["data"].shape[0]
            label = _labels(file, part, count=len(images))
            if masses is None:
                m_jj = file["m_jj"][part].astype(np.float64)
    except (OSError, KeyError) as error:
        raise unreadable(path, EXPECTED["images"], error) from error
    if masses is not None:
        stored = np.load(masses, mmap_mode="r", allow_pickle=False)
        if stored.shape != (total,):
            raise UsageError(f"{masses} holds {stored.shape} masses, {path} {total} events")
        m_jj = stored[part].astype(np.float64)
    if images.shape[1:] != (2, size, size):
        hint = "set image_size to what the file holds"
        raise UsageError(f"{path}: images of shape {images.shape[1:]}, expected (2, {size}, {size})", hint)
    require_finite(path, images, first, row="event")
    require_finite(masses or path, m_jj, first, row="event")
    return Pictures(images, m_jj, label)


def masses_of(paths: Sequence[Path], number: int, *, files: int) -> Path | None:
    """The .npy file of masses that belongs to file `number`; None without any. UsageError unless
    there are as many as files of images."""
    if not paths:
        return None
    if len(paths) != files:
        raise UsageError(f"{files} files of images and {len(paths)} of masses", "list them pairwise")
    return paths[number]


def _labels(file: h5py.File, part: slice, *, count: int) -> NDArray[np.uint8]:
    if "labels" not in file:
        return np.full(count, UNKNOWN, np.uint8)
    label: NDArray[np.uint8] = file["labels"][part].astype(np.uint8)
    return label
