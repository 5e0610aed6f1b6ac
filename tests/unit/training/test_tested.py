"""Accuracy of networks on samples whose labels are known."""

from __future__ import annotations

import torch
from torch import nn

from labelaudit.training.batches import Samples, VectorInputs
from labelaudit.training.tested import share_right, shares_right


class Fixed(nn.Module):
    """Answers with logits that are chosen in advance: column j of the input times a weight for class j."""

    def __init__(self, *weights):
        super().__init__()
        self.weights = torch.tensor(weights)

    def forward(self, x):
        assert not self.training
        return x * self.weights


def samples(labels, values):
    return Samples(VectorInputs(torch.tensor(values)), torch.tensor(labels), 2, torch.float32, seed=0)


def test_the_share_is_that_of_samples_whose_label_is_the_largest_output():
    found = samples([0, 1, 1, 0, 1], [[2.0, 1.0], [1.0, 2.0], [3.0, 1.0], [1.0, 3.0], [0.0, 1.0]])
    assert share_right([Fixed(1.0, 1.0)], found) == 0.6
    assert share_right([Fixed(-1.0, -1.0)], found) == 0.4


def test_several_networks_vote_with_their_probabilities_not_their_logits():
    sure_of_one, a_little_for_the_other = Fixed(0.0, 3.0), Fixed(1.0, 0.0)
    found = samples([1, 1], [[1.0, 1.0], [2.5, 0.1]])  # softmax of (0, 3) and (1, 0); of (0, 0.3) and (2.5, 0)
    assert share_right([sure_of_one, a_little_for_the_other], found) == 0.5
    loud = samples([1], [[20.0, 2.0]])  # logits (20, 0) and (0, 6) sum to class 0; probabilities tie but for 6's rest
    assert share_right([Fixed(1.0, 0.0), Fixed(0.0, 10.0)], loud) == 0.0


def test_networks_are_left_in_the_mode_that_they_were_in():
    training, evaluating = Fixed(1.0, 1.0).train(), Fixed(1.0, 1.0).eval()
    share_right([training, evaluating], samples([0, 1], [[2.0, 1.0], [1.0, 2.0]]))
    assert (training.training, evaluating.training) == (True, False)


def test_a_label_among_the_five_best_counts_apart_from_the_best_one():
    columns = [[float(10 - j) for j in range(10)]] * 4  # class 0 is the surest, class 9 the least
    found = samples([0, 4, 5, 9], columns)
    assert shares_right([Fixed(*[1.0] * 10)], found) == (0.25, 0.5)
    assert shares_right([Fixed(1.0, 1.0)], samples([0, 1], [[1.0, 2.0], [1.0, 2.0]])) == (0.5, 1.0)
