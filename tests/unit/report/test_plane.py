import numpy as np
import pytest

from labelaudit.report.plane import MOST_POINTS, chosen_rows, plane_of, principal_components, spread_out


def centred(rng, n, d):
    values = rng.normal(size=(n, d)) * np.linspace(1, 3, d)
    return values - values.mean(axis=0)


@pytest.mark.parametrize(("n", "d"), [(50, 8), (8, 50)])
def test_components_are_those_of_the_singular_value_decomposition(n, d):
    values = centred(np.random.default_rng(0), n, d)
    points, sums = principal_components(values)
    u, s, _ = np.linalg.svd(values, full_matrices=False)
    assert sums.tolist() == pytest.approx((s[:2] ** 2).tolist())
    assert np.abs(points) == pytest.approx(np.abs(u[:, :2] * s[:2]))


def test_the_farthest_sample_of_each_direction_has_a_positive_coordinate():
    values = centred(np.random.default_rng(1), 40, 6)
    points, _ = principal_components(values)
    mirrored, _ = principal_components(-values)
    for k in range(2):
        assert points[np.argmax(np.abs(points[:, k])), k] > 0
    assert np.abs(points) == pytest.approx(np.abs(mirrored))


def test_a_plane_shows_all_of_points_that_lie_in_one():
    rng = np.random.default_rng(2)
    flat = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 10))
    plane = plane_of(flat, np.arange(30), "made up")
    assert plane is not None
    assert plane.explained == pytest.approx(1.0)
    assert (plane.x.min(), plane.x.max(), plane.y.min(), plane.y.max()) == (0.0, 1.0, 0.0, 1.0)


def test_vectors_that_are_all_alike_have_no_plane():
    assert plane_of(np.ones((10, 4)), np.arange(10), "made up") is None
    assert plane_of(np.ones((2, 4)), np.arange(2), "made up") is None


def test_all_suspects_and_as_many_others_as_there_is_room_are_shown():
    n = 2 * MOST_POINTS
    is_suspect = np.zeros(n, dtype=bool)
    is_suspect[::100] = True
    rows = chosen_rows(is_suspect, np.arange(1, n + 1), most_suspects=40)
    assert len(rows) == MOST_POINTS == len(set(rows.tolist()))
    assert [row for row in rows.tolist() if is_suspect[row]] == [100 * k for k in range(40)]  # the worst
    assert rows.tolist() == chosen_rows(is_suspect, np.arange(1, n + 1), most_suspects=40).tolist()


def test_probabilities_go_to_the_columns_of_their_classes():
    table = spread_out(np.array([[4, 1], [1, 7]]), np.array([[0.9, 0.1], [0.6, 0.4]]))
    assert table.tolist() == [[0.1, 0.9, 0.0], [0.6, 0.0, 0.4]]


def test_rare_classes_are_left_out_where_there_are_too_many():
    table = spread_out(np.array([[0, 1], [0, 2], [0, 1]]), np.full((3, 2), 0.5), most=2)
    assert table.tolist() == [[0.5, 0.5], [0.5, 0.0], [0.5, 0.5]]
