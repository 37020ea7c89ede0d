"""A new HDF5 file on a disk that may be full.

Making one, and where its bytes go.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

    from hpcml.store.schema import Field

LIBVER = ("earliest", "v110")
ALIGNED = 1 << 16  # bytes from which on a dataset starts at a page: it is copied faster, and mapped aligned


class _Output:
    """Where HDF5 writes a new file. A full disk is remembered and told at the end.

    HDF5 does not survive a failing write: what it could not flush stays half closed, and the process
    ends in a segmentation fault some time later.
    """

    def __init__(self, path: Path) -> None:
        self.error: OSError | None = None
        self._handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o644)
        self._at = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_CUR: self._at, os.SEEK_END: self._size()}.get(whence, 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("h5py knows a file by this word, and reads by `readinto`")

    def readinto(self, buffer: Any) -> int:
        got = os.preadv(self._handle, [buffer], self._at)
        self._at += got
        return got

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        try:
            done = 0
            while done < len(view) and self.error is None:
                done += os.pwrite(self._handle, view[done:], self._at + done)
        except OSError as error:
            self.error = error
        self._at += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        wanted = self._at if size is None else size
        try:
            os.ftruncate(self._handle, wanted)
        except OSError as error:
            self.error = self.error or error
        return wanted

    def flush(self) -> None:
        return None

    def close(self) -> None:
        os.close(self._handle)

    def _size(self) -> int:
        return os.fstat(self._handle).st_size


@contextmanager
def create(path: Path, user_block: int) -> Iterator[h5py.File]:
    """A new HDF5 file with room for the header, readable by HDF5 1.10 and later.

    OSError at the end when the disk could not take it.
    """
    import h5py

    output = _Output(path)
    try:
        with h5py.File(
            output, "w", driver="fileobj", libver=LIBVER, userblock_size=user_block,
            # HDF5 wants the user block to be the larger of the two
            alignment_threshold=ALIGNED, alignment_interval=min(mmap.PAGESIZE, user_block // 2),
        ) as file:  # fmt: skip
            yield file
        if output.error is not None:
            raise output.error
    finally:
        output.close()


class Datasets:
    """Makes the contiguous datasets of one new file; groups, types and shapes once, not once per dataset.

    A table may have thousands of columns, and h5py's `create_dataset` takes 0.2 ms for each.
    """

    def __init__(self, file: h5py.File) -> None:
        from h5py import h5d, h5p, h5s, h5t, string_dtype

        self._file = file
        self._groups: dict[str, Any] = {}
        self._types: dict[tuple[np.dtype[Any], bool], Any] = {}
        self._spaces: dict[tuple[int, ...], Any] = {}
        self._text_type = string_dtype()
        self._text = h5t.py_create(self._text_type, logical=True)
        self._one = h5s.create(h5s.SCALAR)
        # each has its place in the file at once, and is not filled with zeros
        self._properties = h5p.create(h5p.DATASET_CREATE)
        self._properties.set_layout(h5d.CONTIGUOUS)
        self._properties.set_alloc_time(h5d.ALLOC_TIME_EARLY)
        self._properties.set_fill_time(h5d.FILL_TIME_NEVER)

    def reserve(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> h5py.h5d.DatasetID:
        """A dataset without content yet: the caller writes its bytes to its place."""
        from h5py import h5d, h5s, h5t

        group, _, last = name.rpartition("/")
        if group not in self._groups:
            self._groups[group] = (self._file.require_group(group) if group else self._file).id
        kind = dtype, dtype.metadata is None  # types are equal whether or not they say UTF-8
        if kind not in self._types:
            self._types[kind] = h5t.py_create(dtype, logical=True)
        if shape not in self._spaces:
            self._spaces[shape] = h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)
        return h5d.create(
            self._groups[group], last.encode(), self._types[kind], self._spaces[shape], self._properties
        )

    def store(self, name: str, array: NDArray[Any]) -> h5py.h5d.DatasetID:
        """A dataset with this content."""
        from h5py import h5s

        dataset = self.reserve(name, array.dtype, array.shape)
        if array.size:
            dataset.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(array))
        return dataset

    def describe(self, dataset: h5py.h5d.DatasetID, notes: Mapping[str, str]) -> None:
        """Attributes, as h5py would write them."""
        from h5py import h5a

        for name, value in notes.items():
            attribute = h5a.create(dataset, name.encode(), self._text, self._one)
            attribute.write(np.array(value, self._text_type))


def place_of(dataset: h5py.h5d.DatasetID) -> int:
    """Where the bytes of a contiguous dataset start in the file; 0 for an empty one."""
    if 0 in dataset.shape:
        return 0
    offset = dataset.get_offset()
    if offset is None:
        raise OSError("HDF5 gave a dataset no place in the file")
    return int(offset)


def text_array(texts: Sequence[str]) -> NDArray[Any]:
    """Texts as UTF-8 of one width, in an array whose type says so to HDF5."""
    from h5py import string_dtype

    raw = [text.encode() for text in texts]
    return np.array(raw, string_dtype("utf-8", max(map(len, raw), default=1)))


def stored_type(one: Field) -> np.dtype[Any]:
    """The type of a column in the file: text says that it is UTF-8, so that readers decode it."""
    if not one.text:
        return one.dtype
    from h5py import string_dtype

    text: np.dtype[Any] = string_dtype("utf-8", one.dtype.itemsize)
    return text
