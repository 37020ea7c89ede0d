"""Results as they are recorded: scalars are rows, text becomes UTF-8, nothing changes in silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpcml.store.results import WrongResult, collect_result
from hpcml.store.schema import schema_from_json
from hpcml.store.text import TextDigest, decode_text, encode_text, joined, padded_bytes


def column(dtype: str, value: Any, kind: str = "rows", shape: tuple[int, ...] = ()) -> Any:
    """`value` of one column as it would be read again."""
    fields = [{"name": "x", "dtype": dtype, "shape": shape, "unit": "", "meaning": ""}]
    schema = schema_from_json([{"name": "t", "kind": kind, "materialise": True, "columns": fields}])
    return collect_result(schema, {"t": {"x": value}})["t"]["x"]


@pytest.mark.parametrize(
    ("dtype", "value", "stored"),
    [
        ("f8", 1.5, 1.5), ("f8", 2, 2.0), ("f4", 0.1, np.float32(0.1)), ("i2", -5, -5), ("u1", 255, 255),
        ("?", True, True), ("c8", 1j, 1j), ("f4", float("inf"), np.inf), ("f8", np.float64(0.1), 0.1),
        ("i8", np.int32(3), 3), ("f8", np.array(2.5), 2.5), ("S6", "µm", "µm".encode()),
        ("str", "漢字", "漢字"),
        ("S4", b"ab", b"ab"), ("str", b"ab", "ab"), ("str", np.str_("x"), "x"), ("str", "", ""),
    ],
)  # fmt: skip
def test_a_scalar_is_one_row(dtype: str, value: Any, stored: Any) -> None:
    assert column(dtype, value).tolist() == [np.array(stored).item()]


def test_a_scalar_stands_beside_arrays_of_one_row() -> None:
    fields = [
        {"name": "mass", "dtype": "<f8", "shape": [], "unit": "", "meaning": ""},
        {"name": "bins", "dtype": "<f8", "shape": [3], "unit": "", "meaning": ""},
    ]
    schema = schema_from_json([{"name": "fit", "kind": "rows", "materialise": True, "columns": fields}])
    found = collect_result(schema, {"fit": {"mass": 1.0, "bins": np.ones((1, 3))}})["fit"]
    assert found["mass"].tolist() == [1.0] and found["bins"].shape == (1, 3)
    with pytest.raises(WrongResult, match="'bins' has 2 rows, others 1"):
        collect_result(schema, {"fit": {"mass": 1.0, "bins": np.ones((2, 3))}})


def test_a_scalar_of_a_reduced_table_has_no_row_axis() -> None:
    assert column("f8", 2.0, kind="sum").shape == ()


@pytest.mark.parametrize(
    ("dtype", "value", "words"),
    [
        ("i2", 40000, "has 40000, beyond the range of int16"),
        ("u4", -1, "has -1, beyond the range of uint32"),
        ("f4", 1e300, "has 1e+300, beyond the range of float32"),
        ("i8", 2**70, "beyond the range of int64"),
        ("i8", 1.0, "has 1.0, the schema says int64"),
        ("f8", 1j, "has 1j, the schema says float64"),
        ("f4", np.float64(0.1), "has dtype float64, the schema says float32"),
        ("S4", "fünfe", "has a text of 6 bytes (UTF-8), the schema says S4: 4 bytes"),
        ("f8", "a", "has dtype <U1, the schema says float64"),
        ("str", 1.0, "has a value of type float, not a text"),
        ("str", ["a", 1], "has a value of type int, not a text"),
        ("str", [["a"], ["b", "c"]], "has a value of type list, not a text"),
        ("str", "a\0b", "has a text with a NUL character: 'a\\x00b'"),
        ("str", "\ud800", "has a text that is not Unicode"),
        ("str", b"\xff", "has bytes that are not UTF-8"),
        ("str", ["a", None], "has a value of type NoneType, not a text"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(dtype: str, value: Any, words: str) -> None:
    with pytest.raises(WrongResult) as error:
        column(dtype, value)
    assert str(error.value).startswith("table 't': column 'x' ") and words in str(error.value)


TEXTS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12))


@settings(deadline=None)
@given(TEXTS)
def test_text_comes_back(texts: list[str]) -> None:
    assert column("str", texts).tolist() == texts
    assert column("str", np.array(texts, object)).tolist() == texts
    assert decode_text(encode_text(texts)).tolist() == texts


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=6), st.integers(0, 9), st.randoms(use_true_random=False))
def test_the_digest_of_texts_leaves_padding_and_windows_out(
    units: list[list[str]], more: int, random: Any
) -> None:
    pieces = [encode_text(texts).tobytes() if texts else b"" for texts in units]
    width, padded = joined(pieces, map(len, units))
    assert sum(map(len, padded)) == padded_bytes(pieces, map(len, units))
    texts = [text for unit in units for text in unit]
    assert b"".join(padded) == np.array([text.encode() for text in texts], f"S{width}").tobytes()
    whole, cut = TextDigest(width), TextDigest(width + more)
    if texts:
        whole.update(memoryview(b"".join(padded)))
    while texts:
        size = random.randint(1, len(texts))
        window, texts = texts[:size], texts[size:]
        cut.update(memoryview(np.array([text.encode() for text in window], f"S{width + more}").tobytes()))
    assert whole.digest() == cut.digest()


def test_the_digest_of_texts_tells_where_one_ends() -> None:
    digests = set()
    for texts in (["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ["", "abc"]):
        digest = TextDigest(3)
        digest.update(memoryview(np.array([text.encode() for text in texts], "S3").tobytes()))
        digests.add(digest.digest())
    assert len(digests) == 5
