"""The confusion matrix shows the counts of its rows."""

import numpy as np
import pytest

pytest.importorskip("mplhep", reason="figures need mplhep")

from hpcml.plots.classifiers import confusion_matrix


def test_the_numbers_are_the_counts():
    truth, predicted = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 2, 0])
    axis = confusion_matrix(truth, predicted, ("electron", "muon", "photon")).axes[0]
    assert [text.get_text() for text in axis.texts] == [
        "1\n50.0%", "1\n50.0%", "0\n0.0%",
        "0\n0.0%", "1\n100.0%", "0\n0.0%",
        "1\n33.3%", "0\n0.0%", "2\n66.7%",
    ]  # fmt: skip
    assert [label.get_text() for label in axis.get_yticklabels()] == ["electron", "muon", "photon"]
