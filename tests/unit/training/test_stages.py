"""The learning rate and the record that stages have in common."""

import pytest
import torch

from labelaudit.methods.baselines import CEOptions as Options
from labelaudit.training.batches import Batch
from labelaudit.training.stages import learning_rate, recorder, with_recorded
from tests.methods.jobs import blobs, vector_job


def job():
    values, given, _ = blobs(64, 2, rate=0.0)
    return vector_job(values, given, 2)  # two batches of 32 an epoch


def test_the_rate_is_a_tenth_from_each_milestone_on():
    options = Options(schedule="milestones", peak_lr=0.1)
    rate = learning_rate(job(), options, epochs=5, at=(3, 5))
    assert [rate(step) for step in range(10)] == pytest.approx([0.1] * 4 + [0.01] * 4 + [0.001] * 2)


def test_the_rate_of_one_cycle_climbs_for_a_fifth_and_ends_at_nothing():
    rate = learning_rate(job(), Options(peak_lr=0.4), epochs=5, at=())
    assert [rate(step) for step in range(10)] == pytest.approx(
        [0.2, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0.0], abs=1e-9
    )


def test_only_the_last_epochs_are_recorded_and_their_mean_joins_the_probabilities():
    mine = job()
    state = mine.new_state("ce")
    remember = recorder(mine, state, epochs=4, record=0.5)
    rows = torch.arange(64)
    batch = Batch(torch.zeros(64, 8), mine.samples.labels, rows, rows)
    for epoch, logit in enumerate([9.0, 9.0, 0.0, 1.0]):
        state.epoch = epoch
        remember(batch, torch.tensor([[logit, 0.0]]).expand(64, 2))
    late = (0.5 + torch.sigmoid(torch.tensor(1.0))) / 2
    found = with_recorded(torch.tensor([[0.2, 0.8]]).expand(64, 2), state)
    assert found[:, 0].tolist() == pytest.approx([(0.2 + late.item()) / 2] * 64)


def test_without_a_record_the_probabilities_stay_as_they_are():
    mine = job()
    state = mine.new_state("ce")
    recorder(mine, state, epochs=4, record=0.0)
    probs = torch.full((64, 2), 0.5)
    assert with_recorded(probs, state) is probs
