"""The schema of what cluster scanning returns: events as images or components, scans.

Names, types, units and meanings of columns.
"""

from __future__ import annotations

from hpcml.workload import Column, Table
from hpcml.workloads.jets.evaluation import judged_columns

MASS = Column("m_jj", "float64", (), "GeV", "invariant mass of the two leading jets, 0 without two")
LABEL = Column("label", "uint8", (), "", "1 signal, 0 background, 255 unknown")
KINEMATICS = (
    Column("jet_pt", "float32", (2,), "GeV", "by decreasing pT"),
    Column("jet_eta", "float32", (2,), "", "pseudorapidity"),
    Column("jet_phi", "float32", (2,), "rad", "azimuth"),
    Column("jet_mass", "float32", (2,), "GeV", "invariant mass of the constituents"),
)
SUBSTRUCTURE = (
    Column("jet_constituents", "uint16", (2,), "", "constituents that are kept"),
    Column("jet_tau", "float32", (2, 3), "", "N-subjettiness tau_1, tau_2, tau_3 with kt subjets"),
)


def image_table(size: int, *, kinematics: bool, substructure: bool) -> Table:
    """Table `images`: events with both jets as images of `size` x `size` pixels."""
    image = Column("image", "float32", (2, size, size), "", "image of each jet: phi axis, eta axis; sum 1")
    columns = (image, MASS, LABEL)
    return Table("images", columns + KINEMATICS * kinematics + SUBSTRUCTURE * substructure)


def moment_table(pixels: int) -> Table:
    """Table `moments`: sums over jets of all events but signal, reduced over units."""
    return Table(
        "moments",
        (
            Column("jets", "int64", (), "", "number of jets"),
            Column("total", "float64", (pixels,), "", "sum of the images"),
            Column("product", "float64", (pixels, pixels), "", "sum of the outer products of the images"),
        ),
        kind="sum",
    )


def feature_table(components: int) -> Table:
    """Table `features`: events with both jets as principal components."""
    return Table(
        "features",
        (
            Column(
                "feature", "float32", (2, components), "", "components of each jet, largest variance first"
            ),
            MASS,
            LABEL,
            Column("residual", "float32", (2,), "", "squared distance of the image to what is kept of it"),
        ),
    )


RUN = (
    Column("resampling", "int32", (), "", "number of the bootstrap resampling, -1 the data set itself"),
    Column("initialisation", "uint16", (), "", "number of the initialisation of k-means"),
    Column("injected", "uint32", (), "", "signal events added"),
    Column("jets_per_event", "uint8", (), "", "jets of an event that are counted"),
    Column("background_jets", "uint64", (), "", "weighted background jets in all windows"),
    Column("signal_jets", "uint64", (), "", "injected signal jets in all windows"),
)


def statistics_table(k: int) -> Table:
    """Table `statistics`, one row a run of `k` clusters."""
    return Table("statistics", RUN + judged_columns(k))


def count_table(steps: int, k: int) -> Table:
    """Table `counts`, one row a run, for `steps` windows and `k` clusters."""
    shape = (steps, k)
    columns = (
        Column("window", "float64", (steps, 2), "GeV", "edges of each window, low <= m_jj < high"),
        Column("background", "uint32", shape, "", "weighted background jets per window and cluster"),
        Column("signal", "uint32", shape, "", "injected signal jets per window and cluster"),
    )
    return Table("counts", columns)


def scan_tables(steps: int, k: int) -> tuple[Table, ...]:
    """What a scan returns: the tables of its runs, their training, and kept centres."""
    training = (
        Column("inertia", "float64", (), "", "mean squared distance of training jets to their centre"),
        Column("iterations", "uint32", (), "", "steps of k-means"),
        Column("training_jets", "uint64", (), "", "weighted number of training jets"),
        Column("weight_sum", "uint64", (), "", "weighted number of background events in the file"),
        Column("weight_digest", "uint64", (), "", "xxh3-64 of the weights of all events"),
    )
    centres = Column("value", "float32", (), "", "centres of a run, (k, features) in C order, if kept")
    pictures = Column(
        "value", "float32", (), "", "centres as images, (k, pixels), of the first unit's first run"
    )
    return (
        statistics_table(k),
        count_table(steps, k),
        Table("training", training),
        Table("centres", (centres,)),
        Table("centre_images", (pictures,)),
    )


def toy_table() -> Table:
    """Table `statistics` of pseudo-experiments: columns of a scan's runs and the fit's statistics."""
    real = (
        ("fit_one_sided", "max (N-f)/sqrt(f) over the dijet fit f of the toy, at least 0"),
        ("fit_two_sided", "max |N-f|/sqrt(f)"),
        ("known_one_sided", "the same with the true curve in place of the fit, one-sided"),
        ("known_two_sided", "and two-sided"),
    )
    return Table("statistics", RUN + tuple(Column(name, "float64", (), "", text) for name, text in real))


def significance_tables() -> tuple[Table, ...]:
    """What `jets.significance` returns, per statistic; three values are quartile, median, quartile."""
    name = Column("statistic", "S24", (), "", "which test statistic")
    three = (3,)
    points = (
        name,
        Column("method", "S8", (), "", "scan, or fit of the inclusive spectrum"),
        Column("injected", "uint32", (), "", "signal events added"),
        Column("signal_to_background", "float64", (), "", "in all windows, before clustering"),
        Column("resamplings", "uint32", (), "", "values that the quartiles are taken of"),
        Column("null_size", "uint32", (), "", "values of the null distribution"),
        Column("value", "float64", three, "", "the statistic"),
        Column("p", "float64", three, "", "mid-rank p-value"),
        Column("z", "float64", three, "", "significance"),
        Column("z_is_bound", "uint8", three, "", "1 where the null is too small: |Z| is at least this"),
    )
    samples = (
        name,
        Column("method", "S8", (), "", "scan, or fit of the inclusive spectrum"),
        Column("injected", "uint32", (), "", "signal events added"),
        Column("resampling", "int32", (), "", "-1 the data set itself"),
        Column("value", "float64", (), "", "the statistic, over the ensemble of initialisations"),
        Column("p", "float64", (), "", "mid-rank p-value"),
        Column("z", "float64", (), "", "significance"),
        Column("z_is_bound", "uint8", (), "", "1 where |Z| is at least this"),
    )
    crossings = (
        name,
        Column("method", "S8", (), "", "scan, or fit of the inclusive spectrum"),
        Column("z", "float64", (), "", "the median significance that is crossed"),
        Column("events", "float64", (), "", "injected events where it is, NaN if nowhere"),
        Column("is_reached", "uint8", (), "", "1 if it is crossed by values that are no bounds"),
    )
    return Table("points", points), Table("samples", samples), Table("crossings", crossings)
