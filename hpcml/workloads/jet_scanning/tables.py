"""The schema of what cluster scanning returns: events as images, statistics and counts of a scan.

What lives here: names, types, units and meanings of columns. What does not: their computation.
"""

from __future__ import annotations

from hpcml.workload import Column, Table

IMAGES = Table(
    "images",
    (
        Column("image", "float32", (2, 40, 40), "", "image of each jet: phi axis, eta axis; sum 1"),
        Column("m_jj", "float64", (), "GeV", "invariant mass of the two leading jets, 0 without two"),
        Column("label", "uint8", (), "", "1 signal, 0 background"),
        Column("jet_pt", "float32", (2,), "GeV", "by decreasing pT"),
        Column("jet_eta", "float32", (2,), "", "pseudorapidity"),
        Column("jet_phi", "float32", (2,), "rad", "azimuth"),
        Column("jet_mass", "float32", (2,), "GeV", "invariant mass of the constituents"),
    ),
)


def scan_tables(steps: int, k: int) -> tuple[Table, Table]:
    """Tables `statistics` and `counts`, one row a unit, for `steps` windows and `k` clusters.

    R and B: spectrum of signal-rich clusters and background estimate; see statistics.py.
    """
    shape = (steps, k)
    statistics = (
        Column("mls_two_sided", "float64", (), "", "max |R-B|/sqrt(B) over windows"),
        Column("mls_one_sided", "float64", (), "", "max (R-B)/sqrt(B) over windows"),
        Column("chisq_ndof", "float64", (), "", "mean (R-B)^2/(err_B^2+err_R^2) over windows"),
        Column("shape_deviation", "float64", (), "", "max |B/sum B - R/sum R| over its error"),
        Column("shape_difference", "float64", (), "", "max |B/sum B - R/sum R|"),
        Column("max_max", "float64", (), "", "largest excess of a cluster in a window over its error"),
        Column("max_chisq", "float64", (), "", "largest mean square of the excesses of a cluster"),
        Column("chisq_max", "float64", (), "", "mean square of the clusters' largest excesses"),
        Column("chisq_chisq", "float64", (), "", "mean square of all excesses"),
        Column("fit_mls", "float64", (), "", "max (N-f)/sqrt(f) of all events over the dijet fit f"),
        Column("fit_chisq_ndof", "float64", (), "", "of the dijet fit to all events"),
        Column("signal_efficiency", "float64", (), "", "share of signal jets in rich clusters"),
        Column("background_efficiency", "float64", (), "", "share of background jets in them"),
        Column("significance_improvement", "float64", (), "", "gain in S/sqrt(B) by the rich clusters"),
        Column("n_rich", "uint32", (), "", "clusters labelled signal-rich"),
        Column("rich", "uint8", (k,), "", "1 for signal-rich clusters"),
        Column("inertia", "float64", (), "", "mean squared distance of training jets to their centre"),
        Column("iterations", "uint32", (), "", "steps of k-means"),
        Column("training_jets", "uint64", (), "", "weighted number of training jets"),
        Column("weight_sum", "uint64", (), "", "weighted number of background events in the file"),
    )
    counts = (
        Column("background", "uint32", shape, "", "weighted background jets per window and cluster"),
        Column("signal", "uint32", shape, "", "injected signal jets per window and cluster"),
    )
    return Table("statistics", statistics), Table("counts", counts)
