import numpy as np
import pytest
import torch

from labelaudit.functional import nearest as module
from labelaudit.functional.nearest import nearest, nearest_of_class, neighbour_log_probs


def _features(n=60, d=7):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0))


def _obvious(features, k, pool):
    found = []
    for row, vector in enumerate(features.numpy()):
        cosines = {
            other: float(vector @ features[other].numpy())
            / float(np.linalg.norm(vector) * np.linalg.norm(features[other]))
            for other in pool
            if other != row
        }
        found.append(sorted(cosines, key=lambda other: -cosines[other])[:k])
    return found


@pytest.mark.parametrize("among", [None, [3, 1, 44, 20, 59, 30, 31, 8]])
def test_blocks_find_the_neighbours_that_a_loop_finds(among, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_VALUES", 100)
    features = _features()
    places, cosines = nearest(features, 5, among=None if among is None else torch.tensor(among))
    assert places.tolist() == _obvious(features, 5, among or range(60))
    assert (cosines.diff(dim=1) <= 0).all()


def test_more_neighbours_than_samples_is_a_mistake():
    with pytest.raises(ValueError, match="60 neighbours cannot be chosen among 60 samples"):
        nearest(_features(), 60)


def test_votes_count_by_cosine_and_class_sizes_have_one():
    neighbours = torch.tensor([[1, 2, 3]])
    labels = torch.tensor([0, 0, 1, 1])  # classes of the same size
    log_probs = neighbour_log_probs(neighbours, torch.tensor([[0.9, 0.6, -0.5]]), labels, 2)
    torch.testing.assert_close(log_probs.exp(), torch.tensor([[(1.8 + 0.5) / 4, (1.2 + 0.5) / 4]]))


def test_votes_of_strangers_are_the_class_sizes():
    log_probs = neighbour_log_probs(torch.tensor([[1, 2]]), torch.tensor([[-0.1, -0.2]]), torch.tensor([0, 0, 1, 0]), 3)
    torch.testing.assert_close(log_probs.exp(), torch.tensor([[0.75, 0.25, 0.0]]), atol=1e-6, rtol=1e-6)


def test_the_nearest_of_a_class_are_those_of_a_slow_search():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(40, 5, generator=generator)
    labels = torch.arange(40) % 3
    asked, classes = torch.tensor([0, 1, 7, 30]), torch.tensor([0, 2, -1, 1])
    pools = {label: torch.nonzero(labels == label).ravel()[2:] for label in (0, 1, 2)}
    found = nearest_of_class(features, asked, classes, pools, count=3)
    unit = features / features.norm(dim=1, keepdim=True)
    for row, (sample, label) in enumerate(zip(asked.tolist(), classes.tolist(), strict=True)):
        others = [place for place in pools.get(label, torch.zeros(0)).tolist() if place != sample]
        slow = sorted(others, key=lambda place: -float(unit[sample] @ unit[place]))[:3]
        assert found[row].tolist() == slow + [-1] * (3 - len(slow))


def test_a_sample_is_not_its_own_neighbour_and_few_are_filled_up():
    features = torch.eye(4)
    found = nearest_of_class(features, torch.tensor([2]), torch.tensor([1]), {1: torch.tensor([2, 3])}, count=3)
    assert found.tolist() == [[3, -1, -1]]
