"""Projection, starters, selection and linking: the hand brick by hand, compiled loops against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpcml.workloads.emulsion import base_tracks, brick, geometry, linking, projection, selection, starters
from hpcml.workloads.emulsion.linking import Links, Segments
from hpcml.workloads.emulsion.selection import Cuts, Injector

INJECTOR = Injector(3, 50000.0, 50000.0, -3945.0, 0.01, 0.0, 7)


def ids(hand, selected):
    return hand.brick.columns["id"][selected.row].tolist()


def test_projection(hand):
    for fraction, x1, x2, y2 in ((1.0, 50039.45, 50075.75, 50018.15), (0.5, 50026.30, 50042.875, 50011.575)):
        one, two = (
            projection.extrapolated(hand.signal["x"][i], hand.signal["tx"][i], fraction * 1315)
            for i in (1, 2)
        )
        assert one == pytest.approx(x1, abs=1e-6)
        assert two == pytest.approx(x2, abs=1e-6)
        y = projection.extrapolated(hand.signal["y"][2], hand.signal["ty"][2], fraction * 1315)
        assert y == pytest.approx(y2, abs=1e-6)


def test_moving_to_other_films():
    x, y = projection.moved_to(
        np.array([100.0]), np.array([0.0]), np.array([-1315.0]),
        slopes=(np.array([0.05]), np.array([0.1])), target=np.array([-1300.0]),
    )  # fmt: skip
    assert x[0] == pytest.approx(100.75)
    assert y[0] == pytest.approx(1.5)


def test_moving_to_the_films_of_a_geometry():
    columns = {
        "plate": np.array([0, 1]), "x": np.zeros(2), "y": np.zeros(2), "z": np.array([0.0, -1315.0]),
        "tx": np.full(2, 0.1), "ty": np.array([0.0, 0.2]),
    }  # fmt: skip
    moved = projection.moved_to_films(columns, {0: 10.0, 1: -1315.0})
    assert moved["x"] == pytest.approx([1.0, 0.0])
    assert moved["z"].tolist() == [10.0, -1315.0]
    with pytest.raises(ValueError, match="no z of plate 1"):
        projection.moved_to_films(columns, {0: 10.0})


def test_the_starter_of_the_hand_brick(hand):
    rows = hand.signal
    found = starters.simulated_starters(
        rows["plate"], rows["event"], np.full(7, 5), rows["id"], momentum=np.arange(7.0)
    )
    assert found.shower.tolist() == [7]
    assert rows["id"][found.row].tolist() == [0]
    assert found.true_segments.tolist() == [6]


@pytest.mark.parametrize(
    ("counts", "plate"),
    [
        ([2, 2, 2, 1], 3),  # by hand, from plate 0 on
        ([5, 4, 3, 2], 3),  # two on the highest plate: it starts there
        ([5, 4, 3, 0, 1], 4),  # an empty film is walked over upstream
        ([5, 4, 3, 1, 1, 1], 3),
        ([20, 30, 3, 1, 1], 3),
        ([1, 1, 1], -1),  # never more than one segment
        ([3, 4, 5, 6], 3),  # nothing upstream of the first film with several
        ([0, 0], -1),
        ([], -1),
    ],
)  # fmt: skip
def test_start_plates(counts, plate):
    assert starters.start_plate(np.array(counts, int)) == plate


def test_the_primary_is_preferred_and_skipped_events_have_a_reason():
    plate = np.array([2, 2, 1, 1, 0, 0, 4, 4])
    event = np.array([1, 1, 1, 1, 1, 1, 3, 3])
    particle = np.array([5, 0, 1, 1, 1, 1, 2, 2])
    momentum = np.array([1.0, 3.5, 4.0, 0.5, 1, 1, -999, -999])
    found = starters.simulated_starters(plate, event, particle, np.arange(8), momentum=momentum)
    assert found.shower.tolist() == [1, 3]
    assert found.row.tolist() == [1, 6]
    assert found.primary_p.tolist() == [4.0, -999.0]  # not that of the injector
    lonely = starters.simulated_starters(
        np.array([3, 2]), np.array([9, 9]), np.zeros(2, int), np.arange(2), momentum=np.ones(2)
    )
    assert lonely.row.tolist() == [-1]
    assert lonely.reason.tolist() == ["no film with 2 to 10"]


@pytest.mark.parametrize(("which", "rows"), [("last", [2, 4]), ("first", [0, 3])])
def test_starters_of_data(which, rows):
    plate = np.array([9, 8, 7, 8, 7, 6, 9, 9])
    track = np.array([3, 3, 3, 5, 5, 5, -1, 8])
    tx = np.array([0.0, 0.0, 0.01, 0.0, 0.03, 0.0, 0.0, 0.05])
    ty = np.array([0.0, 0.0, 0.01, 0.0, 0.04, 0.0, 0.0, 0.01])
    found = starters.data_starters(plate, track, (tx, ty), which=which)
    assert found.row.tolist() == rows
    assert found.shower.tolist() == [0, 1]


def test_selection_by_hand(hand):
    found = selection.select(hand.brick, INJECTOR, Cuts())
    by_id = dict(zip(ids(hand, found), range(len(found.row)), strict=True))
    assert found.in_pyramid == 14
    assert sorted(by_id) == [1, 2, 3, 4, 5, 6, 100, 101, 103, 105, 106, 107]
    ratio = {1: 0.010000, 2: 0.042846, 3: 0.005000, 4: 0.023596, 5: 0.003333, 6: 0.014708, 101: 0.243270,
             103: 0.107672, 105: 0.101426, 107: 0.376204}  # fmt: skip
    assert {one: found.ip_over_dz[by_id[one]] for one in ratio} == pytest.approx(ratio, abs=1e-6)
    dtheta = {1: 0.009998, 2: 0.040946, 107: 0.326675}
    assert {one: found.dtheta[by_id[one]] for one in dtheta} == pytest.approx(dtheta, abs=1e-6)
    cone = {1: 0.010000, 3: 0.015000, 5: 0.016667, 6: 0.036294}
    assert {one: found.cone_tan[by_id[one]] for one in cone} == pytest.approx(cone, abs=1e-6)


def test_selection_as_published(hand):
    found = selection.select(hand.brick, INJECTOR, Cuts(legacy=True))
    by_id = dict(zip(ids(hand, found), range(len(found.row)), strict=True))
    assert found.in_pyramid == 12  # 100 at 320.0 um and 106 at 460.0 um are out: half widths are strict
    assert sorted(by_id) == [1, 2, 3, 4, 5, 6, 101, 103, 105, 107]
    ratio = {1: 0.030000, 2: 0.059235, 3: 0.035000, 4: 0.078446, 5: 0.036667, 6: 0.087282, 103: 0.092474,
             107: 0.325640}  # fmt: skip
    assert {one: found.ip_over_dz[by_id[one]] for one in ratio} == pytest.approx(ratio, abs=1e-6)


def test_half_widths():
    assert [selection.half_width(k, Cuts()) for k in (1, 2, 3, 10, 28)] == [320, 390, 460, 950, 2210]


def test_a_base_track_at_the_edge_is_out(hand):
    straight = Injector(3, 50000.0, 50000.0, -3945.0, 0.0, 0.0, -1)
    edge = {1: (2, 50320.0, 50000.0, 0.0, 0.0), 2: (2, np.nextafter(50320.0, 0), 50000.0, 0.0, 0.0)}
    built = hand.built(hand.columns(edge | {0: (3, 50000.0, 50000.0, 0.0, 0.0)}))
    assert built.columns["id"][selection.select(built, straight, Cuts()).row].tolist() == [2]


def segments(rows, order):
    plate, x, y, tx, ty = map(np.array, zip(*(rows[one] for one in order), strict=True))
    return Segments(plate.astype(np.int64), x, y, -1315.0 * plate, tx, ty)


@pytest.mark.parametrize("link", [linking.link, linking.link_numpy])
def test_linking_by_hand(hand, link):
    order = [0, 1, 2, 100, 101, 3, 4, 103, 5, 6, 105, 106, 107]
    found = link(segments(hand.every, order), Links())
    before = {one: order[a] for one, a in zip(order, found.before.tolist(), strict=True) if a >= 0}
    assert before == {
        1: 0, 2: 0, 100: 0, 101: 0, 3: 1, 4: 2, 103: 101, 5: 3, 6: 4, 105: before[105], 106: before[106],
        107: 103,
    }  # fmt: skip
    place = {one: number for number, one in enumerate(order)}
    assert found.dtx[place[1]] == pytest.approx(-0.01)
    assert found.angle[place[1]] == pytest.approx(0.010000, abs=1e-6)
    for one, dx, dy in ((1, 0, 0), (2, 3.15, -5), (3, 0, 0), (4, 5.75, 0.15), (5, 0, 0), (6, -4.25, 1.15)):
        assert found.dx[place[one]] == pytest.approx(dx, abs=1e-6)
        assert found.dy[place[one]] == pytest.approx(dy, abs=1e-6)
    assert found.angle[place[103]] == pytest.approx(0.099669, abs=1e-6)
    assert found.dr[place[103]] == pytest.approx(300.07, abs=0.01)  # the nearer of two at the same angle
    assert found.angle[place[107]] == pytest.approx(0.244979, abs=1e-6)
    for one in (105, 106):
        assert found.angle[place[one]] == pytest.approx(0.019997, abs=1e-6)
        assert before[one] == 3


@pytest.mark.parametrize("link", [linking.link, linking.link_numpy])
@pytest.mark.parametrize(("slope", "linked"), [(0.4227932, True), (0.42280, False)])
def test_the_largest_angle(link, slope, linked):
    two = Segments(
        np.array([1, 0]), np.zeros(2), np.zeros(2), np.array([-1315.0, 0]), np.r_[0.0, slope], np.zeros(2)
    )
    found = link(two, Links())
    assert (found.before[1] == 0) == linked
    assert (np.arctan(slope) <= 0.4) == linked


@pytest.mark.parametrize("link", [linking.link, linking.link_numpy])
@pytest.mark.parametrize(("gap", "linked"), [(0, 0), (1, 2), (2, 2)])
def test_empty_films_are_bridged(link, gap, linked):
    """One film is empty between the injector and two segments on a straight line."""
    plate = np.array([3, 1, 0])
    line = Segments(plate, 10.0 - 13.15 * plate, np.zeros(3), -1315.0 * plate, np.full(3, 0.01), np.zeros(3))
    found = link(line, Links(max_gap=gap))
    assert (found.before >= 0).sum() == linked
    if linked:
        assert found.dx[1:] == pytest.approx([0, 0], abs=1e-9)
        assert found.films.tolist() == [0, 2, 1]


@pytest.mark.parametrize("link", [linking.link, linking.link_numpy])
def test_a_largest_distance(hand, link):
    order = [0, 1, 2, 100, 101, 3, 4, 103]
    found = link(segments(hand.every, order), Links(max_dr=50.0))
    assert [order[n] for n in np.flatnonzero(found.before >= 0)] == [1, 2, 3, 4, 103][
        : (found.before >= 0).sum()
    ]
    assert (found.dr[found.before >= 0] <= 50).all()
    assert found.before[order.index(100)] == -1


@st.composite
def bricks(draw):
    """A few hundred base-tracks in a small brick, some films empty, with an injector."""
    seed, plates = draw(st.integers(0, 2**31)), draw(st.integers(2, 12))
    rng = np.random.default_rng(seed)
    number = draw(st.integers(1, 400))
    plate = rng.integers(0, plates, number)
    plate[0] = plates - 1
    coarse = draw(st.booleans())
    place = rng.uniform(0, 4000, (2, number))
    place = np.round(place / 70) * 70 if coarse else place  # many at the same place and at edges
    slopes = np.round(rng.normal(0, 0.2, (2, number)), 1 if coarse else 12)
    rows = {
        "plate": plate.astype(np.int32), "id": np.arange(number), "source": rng.integers(0, 2,
        number).astype(np.uint8), "x": place[0], "y": place[1], "z": -1315.0 * plate, "tx": slopes[0],
        "ty": slopes[1], "event": rng.integers(0, 2, number).astype(np.int32),
    }  # fmt: skip
    positions = geometry.plate_positions(rows["plate"], rows["z"])
    size = draw(st.sampled_from([150.0, 1000.0, 9000.0]))
    injector = Injector(
        plates - 1, float(place[0, 0]), float(place[1, 0]), -1315.0 * (plates - 1),
        float(slopes[0, 0]), float(slopes[1, 0]), draw(st.sampled_from([-1, 0, 1])),
    )  # fmt: skip
    return brick.build(rows, positions, size=size), injector


@given(bricks(), st.booleans(), st.sampled_from([5000.0, 300.0]))
@settings(max_examples=80, deadline=None)
def test_cells_hide_nothing(made, legacy, half_box):
    built, injector = made
    cuts = Cuts(legacy=legacy, half_box=half_box)
    fast, plain = selection.select(built, injector, cuts), selection.select_numpy(built, injector, cuts)
    order = np.argsort(fast.row)
    assert np.array_equal(fast.row[order], plain.row)
    assert fast.in_pyramid == plain.in_pyramid
    for one, other in zip(fast[1:5], plain[1:5], strict=True):
        assert one[order] == pytest.approx(other, rel=1e-12, abs=1e-12)


@given(bricks(), st.integers(0, 3), st.sampled_from([None, 200.0]))
@settings(max_examples=80, deadline=None)
def test_compiled_links_are_those_of_numpy(made, max_gap, max_dr):
    built, injector = made
    rows = selection.select_numpy(built, injector, Cuts()).row
    columns = {name: column[rows] for name, column in built.columns.items()}
    order = np.lexsort((columns["source"], columns["id"], -columns["plate"]))
    given_segments = Segments(
        *(
            np.r_[getattr(injector, name), columns[name][order]].astype(
                np.int64 if name == "plate" else float
            )
            for name in ("plate", "x", "y", "z", "tx", "ty")
        )
    )
    how = Links(max_gap=max_gap, max_dr=max_dr)
    fast, plain = linking.link(given_segments, how), linking.link_numpy(given_segments, how)
    for one, other in zip(fast, plain, strict=True):
        assert np.array_equal(one, other)


def test_one_z_for_each_plate():
    with pytest.raises(ValueError, match=r"plate 1 lie at z = -1315 to -1215 um"):
        geometry.plate_positions(np.array([0, 1, 1]), np.array([0.0, -1315, -1215]))


def test_a_wrong_orientation_is_refused():
    with pytest.raises(ValueError, match="does not fall with the number of the plate"):
        geometry.plate_positions(np.array([0, 1, 2]), np.array([0.0, 1315, 2630]))
    plate, z = geometry.count_from_downstream(np.array([0, 1, 2]), np.array([100.0, 1415, 2730]))
    assert plate.tolist() == [2, 1, 0]
    assert geometry.plate_positions(plate, z).tolist() == [0, -1315, -2630]


def test_missing_plates_have_no_position():
    found = geometry.plate_positions(np.array([0, 3]), np.array([0.0, -3945]))
    assert np.isnan(found[1:3]).all()
    with pytest.raises(ValueError, match="no base-tracks"):
        geometry.plate_positions(np.zeros(0, int), np.zeros(0))


def test_bad_base_tracks_are_named(hand):
    rows = {name: column.copy() for name, column in hand.rows.items()}
    rows["tx"][4] = np.nan
    with pytest.raises(ValueError, match=r"tx of base-track 4 \(plate 1, id 4\) is not finite"):
        base_tracks.check_base_tracks(rows)
    twice = hand.joined(hand.rows, {name: column[3:4] for name, column in hand.rows.items()})
    with pytest.raises(ValueError, match="duplicate id 3 on plate 1"):
        base_tracks.check_base_tracks(twice)
    base_tracks.check_base_tracks(hand.rows)
