"""The compiled loop that walks rows down the trees of a forest.

A tree is walked by eight rows at once, so that the processor works on seven while it waits for the memory of
one. For that its nodes lie breadth first in one record array: siblings are neighbours, the step to a child
is one addition, and a leaf is its own child.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

TOGETHER = 8
# right is child + 1; a leaf is its own child, with an infinite threshold
NODE = np.dtype([("threshold", np.float64), ("feature", np.int32), ("child", np.int32)])


@njit(cache=True)
def _breadth_first(first: Any, left: Any, right: Any, feature: Any, threshold: Any) -> Any:
    """(nodes, number of each of them in the forest)."""
    nodes = np.empty(len(left), NODE)
    number = np.empty(len(left), np.int64)
    for start in first:
        number[start] = start
        at, end = start, start + 1
        while at < end:
            old = number[at]
            nodes[at].threshold = threshold[old] if feature[old] >= 0 else np.inf
            nodes[at].feature = max(feature[old], 0)
            nodes[at].child = at
            if feature[old] >= 0:
                nodes[at].child = end
                number[end], number[end + 1] = start + left[old], start + right[old]
                end += 2
            at += 1
    return nodes, number


@njit(cache=True)
def _next(nodes: Any, at: int, values: Any, row: int) -> Any:
    """The child of node `at` that the row goes to; values: flat, `row` where its values begin."""
    node = nodes[at]
    return node.child + (not values[row + node.feature] <= node.threshold)


@njit(cache=True)
def _walk_eight(nodes: Any, root: int, values: Any, row: int, columns: int, leaf: Any) -> None:
    """The leaves of eight rows, the first of which begins at `row` in `values`."""
    r0, r1, r2, r3 = row, row + columns, row + 2 * columns, row + 3 * columns
    r4, r5, r6, r7 = r0 + 4 * columns, r1 + 4 * columns, r2 + 4 * columns, r3 + 4 * columns
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = root
    while True:
        b0, b1 = _next(nodes, a0, values, r0), _next(nodes, a1, values, r1)
        b2, b3 = _next(nodes, a2, values, r2), _next(nodes, a3, values, r3)
        b4, b5 = _next(nodes, a4, values, r4), _next(nodes, a5, values, r5)
        b6, b7 = _next(nodes, a6, values, r6), _next(nodes, a7, values, r7)
        moved = (a0 ^ b0) | (a1 ^ b1) | (a2 ^ b2) | (a3 ^ b3) | (a4 ^ b4) | (a5 ^ b5) | (a6 ^ b6) | (a7 ^ b7)
        a0, a1, a2, a3, a4, a5, a6, a7 = b0, b1, b2, b3, b4, b5, b6, b7
        if moved == 0:
            break
    leaf[0], leaf[1], leaf[2], leaf[3] = a0, a1, a2, a3
    leaf[4], leaf[5], leaf[6], leaf[7] = a4, a5, a6, a7


@njit(cache=True)
def predict_forest(
    first: Any, left: Any, right: Any, feature: Any, threshold: Any, probability: Any, values: Any
) -> Any:
    """Mean probability over the trees, (rows, outputs); see learning.forest.predict. values: no NaN."""
    nodes, number = _breadth_first(first, left, right, feature, threshold)
    at_leaf = probability[number]
    rows, columns = values.shape
    outputs = probability.shape[1]
    total = np.zeros((rows, outputs))
    flat = values.reshape(-1)
    leaf = np.empty(TOGETHER, np.int64)
    # tree by tree: its nodes stay in the processor's cache
    for root in first:
        for row in range(0, rows, TOGETHER):
            together = min(TOGETHER, rows - row)
            if together == TOGETHER:
                _walk_eight(nodes, root, flat, row * columns, columns, leaf)
            else:
                for one in range(together):
                    at = root
                    while nodes[at].child != at:
                        at = _next(nodes, at, flat, (row + one) * columns)
                    leaf[one] = at
            for one in range(together):
                for output in range(outputs):
                    total[row + one, output] += at_leaf[leaf[one], output]
    return total / len(first)
