"""Planted datasets: what stays right, what is shown, and how samples follow their noise."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from labelaudit.core.dataset import Dataset, Vectors
from labelaudit.core.errors import ConfigError
from labelaudit.lab.planting import plant_noise, with_noise
from labelaudit.scanning.load import Loaded
from labelaudit.training.batches import VectorInputs

N = 60


def dataset():
    values = np.arange(N, dtype=np.float32)[:, None]
    ids = tuple(f"s{i}" for i in range(N))
    given = np.arange(N) % 4
    return Dataset(Path("t"), ids, ids, given, tuple("abcd"), Vectors(values, "features"), np.arange(N) < 20)


def nothing_needed(spec, rows):
    raise AssertionError("this noise needs no evidence")


def test_trusted_labels_stay_right():
    planted = plant_noise(dataset(), "sym:0.5", seed=0, evidence=nothing_needed)
    assert not planted.wrong[:20].any()
    assert planted.wrong[20:].any()
    assert planted.rate == pytest.approx(planted.wrong.mean())


def test_trusted_samples_are_not_replaced_by_an_open_set():
    planted = plant_noise(dataset(), "open_set:0.3:1", seed=0, evidence=nothing_needed)
    assert planted.classes == ("a", "b", "c")
    assert (planted.content == planted.kept)[planted.kept < 20].all()
    assert (planted.true == -1).tolist() == (planted.content != planted.kept).tolist()
    assert planted.wrong.any()


def test_an_open_set_keeps_all_of_its_pool_under_a_long_tail():
    planted = plant_noise(dataset(), "open_set:0.5:1", seed=0, evidence=nothing_needed, tail=5)
    sizes = np.bincount(dataset().given[planted.kept], minlength=4)
    assert sizes.tolist() == [15, 7, 3, 0]
    assert len(set(planted.content.tolist())) == 25


def test_evidence_is_asked_for_the_rows_that_are_left():
    asked = []

    def evidence(spec, rows):
        asked.append((spec.name, len(rows)))
        return np.full((len(rows), 4), 0.25)

    planted = plant_noise(dataset(), "ambiguous:0.2", seed=0, evidence=evidence, tail=5)
    assert asked == [("ambiguous", len(planted.kept))]


def test_each_seed_draws_its_own_samples_of_all():
    drawn = [plant_noise(dataset(), "none", seed=seed, evidence=nothing_needed, samples=12).kept for seed in (0, 0, 1)]
    assert [len(set(kept.tolist())) for kept in drawn] == [12] * 3
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_what_an_encoder_saw_stays_beside_its_sample():
    whole = dataset()
    n = len(whole)
    loaded = Loaded(
        whole,
        inputs=None,
        content_hashes=tuple(str(row) for row in range(n)),
        conflict=np.zeros(n, dtype=np.bool_),
        details=("",) * n,
        vectors=torch.arange(n, dtype=torch.float32)[:, None],
    )
    planted = plant_noise(whole, "sym:0.3", seed=0, evidence=nothing_needed, samples=9)
    noisy = with_noise(loaded, planted)
    assert noisy.vectors is not None
    assert noisy.vectors[:, 0].tolist() == planted.content.tolist()
    assert noisy.content_hashes == tuple(str(row) for row in planted.content)


def test_the_same_seed_plants_the_same_noise():
    first, again, other = (
        plant_noise(dataset(), "sym:0.3", seed=seed, evidence=nothing_needed).given.tolist() for seed in (1, 1, 2)
    )
    assert first == again != other


def test_noise_that_does_not_fit_names_the_option():
    with pytest.raises(ConfigError, match=r"--noise 'asym_c10:0\.2': .*this dataset has 4"):
        plant_noise(dataset(), "asym_c10:0.2", seed=0, evidence=nothing_needed)
    with pytest.raises(ConfigError, match=r"--noise 'open_set:0\.9:1': 40 samples are to be replaced, .* have 15"):
        plant_noise(dataset(), "open_set:0.9:1", seed=0, evidence=nothing_needed)


def test_inputs_follow_what_a_sample_shows_and_ids_follow_the_sample():
    trusted = dataclasses.replace(dataset(), trusted=np.zeros(N, dtype=np.bool_))
    values = torch.arange(N, dtype=torch.float32)[:, None]
    hashes = tuple(f"h{i}" for i in range(N))
    loaded = Loaded(trusted, VectorInputs(values), hashes, np.zeros(N, dtype=bool), ("",) * N)
    planted = plant_noise(trusted, "open_set:0.2:1", seed=0, evidence=nothing_needed)
    noisy = with_noise(loaded, planted)
    assert isinstance(noisy.inputs, VectorInputs)
    assert noisy.inputs.values[:, 0].tolist() == planted.content.tolist()
    assert noisy.dataset.sample_ids == tuple(f"s{i}" for i in planted.kept)
    assert noisy.content_hashes == tuple(f"h{i}" for i in planted.content)
    assert noisy.dataset.given.tolist() == planted.given.tolist()
