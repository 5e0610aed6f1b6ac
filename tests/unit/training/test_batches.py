"""Batches: every sample once, in an order that a named stream draws, normalised as documented."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from labelaudit.training import batches as module
from labelaudit.training.augment import mirror, random_crop
from labelaudit.training.batches import Batch, Pixels, Samples, VectorInputs
from labelaudit.training.streams import torch_generator

SCALE, SHIFT = torch.tensor([0.01, 0.02, 0.03]), torch.tensor([-1.0, 0.0, 1.0])


def vectors(n: int, *, batch_size: int = 4, seed: int = 0) -> Samples:
    values = torch.arange(2 * n, dtype=torch.float32).reshape(n, 2)
    return Samples(VectorInputs(values), torch.arange(n) % 3, batch_size, torch.float32, seed)


def pixels(n: int, *, side: int = 8, **changes: Any) -> Pixels:
    draw = torch.Generator().manual_seed(0)
    fields: dict[str, Any] = {
        "pixels": torch.randint(0, 256, (n, side, side, 3), generator=draw).to(torch.uint8),
        "size": 8,
        "scale": SCALE,
        "shift": SHIFT,
        "crop_padding": 2,
        "flip": True,
    }
    return Pixels(**fields | changes)


def pictures(n: int, *, dtype: torch.dtype = torch.float32, seed: int = 0, **changes: Any) -> Samples:
    return Samples(pixels(n, **changes), torch.arange(n) % 3, 4, dtype, seed)


def normalised(images: Tensor) -> Tensor:
    """(B, 3, S, S), by the formula, one channel at a time."""
    channels = [images[..., c].double() * float(SCALE[c]) + float(SHIFT[c]) for c in range(3)]
    return torch.stack(channels, dim=1).float()


def order(batches: list[Batch]) -> list[int]:
    return [int(i) for batch in batches for i in batch.index]


@pytest.mark.parametrize(
    ("n", "sizes"),
    [
        (8, [4, 4]),
        (7, [4, 3]),
        (6, [4, 2]),
        (9, [4, 5]),  # a last batch of one would have no variance for batch norm
        (5, [5]),
        (4, [4]),
        (3, [3]),
        (2, [2]),
        (1, [1]),
    ],
)
def test_an_epoch_has_every_sample_once_and_no_last_batch_of_one(n, sizes):
    samples = vectors(n)
    batches = list(samples.shuffled("stage1", 1))
    assert sorted(order(batches)) == list(range(n))
    assert [len(batch.index) for batch in batches] == sizes
    assert samples.steps() == len(sizes)


def test_every_row_of_a_batch_belongs_to_its_index():
    samples = vectors(11)
    for batch in samples.shuffled("stage1", 1):
        assert torch.equal(batch.labels, batch.index % 3)
        assert torch.equal(batch.inputs, torch.stack([2.0 * batch.index, 2.0 * batch.index + 1], dim=1))


def test_the_order_of_an_epoch_is_the_permutation_that_its_stream_draws():
    expected = torch.randperm(30, generator=torch_generator(5, "order", "stage1", 2))
    assert order(list(vectors(30, seed=5).shuffled("stage1", 2))) == expected.tolist()


def test_another_epoch_stage_or_seed_has_another_order():
    orders = [
        order(list(vectors(30, seed=seed).shuffled(stage, epoch)))
        for seed, stage, epoch in [(0, "stage1", 1), (0, "stage1", 2), (0, "stage2", 1), (1, "stage1", 1)]
    ]
    assert len({tuple(one) for one in orders}) == 4


def test_the_same_stream_gives_the_same_augmented_batches_whatever_was_drawn_in_between():
    samples = pictures(10)
    first = list(samples.shuffled("stage1", 1))
    torch.rand(100)
    list(samples.shuffled("stage2", 1))
    second = list(samples.shuffled("stage1", 1))
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(first, second, strict=True))
    assert order(first) == order(second)


def test_the_batch_size_does_not_change_the_order():
    assert order(list(vectors(30, batch_size=3).shuffled("a"))) == order(list(vectors(30, batch_size=8).shuffled("a")))


def test_batches_in_order_are_dataset_order():
    samples = vectors(600)
    batches = list(samples.in_order("plain", stream=("stage1",)))
    assert order(batches) == list(range(600))
    assert [len(batch.index) for batch in batches] == [256, 256, 88]
    assert torch.equal(torch.cat([batch.labels for batch in batches]), samples.labels)


def test_plain_images_are_normalised_by_scale_and_shift():
    samples = pictures(6)
    (batch,) = samples.in_order("plain")
    assert isinstance(samples.inputs, Pixels)
    assert batch.inputs.shape == (6, 3, 8, 8)
    assert torch.allclose(batch.inputs, normalised(samples.inputs.pixels), atol=1e-6)


def test_images_in_bfloat16_lose_only_rounding():
    (exact,), (rounded,) = pictures(6).in_order("plain"), pictures(6, dtype=torch.bfloat16).in_order("plain")
    assert rounded.inputs.dtype == torch.bfloat16
    assert torch.allclose(rounded.inputs.float(), exact.inputs, atol=0.06)  # values up to 8, eight bits


@pytest.mark.parametrize("view", ["plain", "mirrored", "augmented"])
def test_images_are_channels_last_in_memory(view):
    for batch in pictures(6).in_order(view):
        assert batch.inputs.is_contiguous(memory_format=torch.channels_last)
        assert not batch.inputs.is_contiguous()


def test_the_mirrored_view_is_the_plain_view_from_right_to_left():
    samples = pictures(6, side=10)
    (plain,), (mirrored,) = samples.in_order("plain"), samples.in_order("mirrored")
    assert torch.equal(mirrored.inputs, plain.inputs.flip(3))


def test_plain_views_of_larger_images_are_their_centre():
    samples = pictures(3, side=12, crop_padding=0)
    (batch,) = samples.in_order("plain")
    assert isinstance(samples.inputs, Pixels)
    assert torch.allclose(batch.inputs, normalised(samples.inputs.pixels[:, 2:10, 2:10]), atol=1e-6)


@pytest.mark.parametrize(("side", "padding"), [(8, 2), (12, 0), (10, 1)])
def test_augmented_images_are_the_crops_and_mirror_images_that_the_stream_draws(side, padding):
    inputs = pixels(20, side=side, crop_padding=padding)
    index = torch.arange(20)
    result = inputs.inputs(inputs.fetch(index), "augmented", torch.Generator().manual_seed(3), torch.float32)
    draw = torch.Generator().manual_seed(3)
    room = side + 2 * padding - 8
    offsets = torch.randint(0, room + 1, (20, 2), generator=draw)
    assert set(offsets.flatten().tolist()) == set(range(room + 1))
    chosen = torch.rand(20, generator=draw) < 0.5
    assert 0 < int(chosen.sum()) < 20
    expected = mirror(random_crop(inputs.pixels, offsets, padding=padding, size=8), chosen)
    assert torch.allclose(result, normalised(expected), atol=1e-6)


def test_several_views_read_each_batch_once_and_are_the_same_as_one_by_one(monkeypatch):
    samples, reads = pictures(600), []
    fetch = Pixels.fetch

    def counted(self: Pixels, index: Tensor) -> Tensor:
        reads.append(len(index))
        return fetch(self, index)

    monkeypatch.setattr(Pixels, "fetch", counted)
    both = list(samples.in_order("plain", "mirrored"))
    assert reads == [256, 256, 88]
    one_by_one = (samples.in_order("plain"), samples.in_order("mirrored"))
    for offset, alone in enumerate(one_by_one):
        for found, expected in zip(both[offset::2], alone, strict=True):
            assert torch.equal(found.inputs, expected.inputs)
            assert torch.equal(found.index, expected.index)


def test_without_padding_and_mirroring_the_augmented_view_is_the_plain_one():
    samples = pictures(6, crop_padding=0, flip=False)
    (plain,), (augmented,) = samples.in_order("plain"), samples.in_order("augmented", stream=("fit",))
    assert torch.equal(augmented.inputs, plain.inputs)


def test_augmented_views_of_two_streams_differ():
    samples = pictures(6)
    (fit,), (score,) = samples.in_order("augmented", stream=("fit",)), samples.in_order("augmented", stream=("score",))
    assert not torch.equal(fit.inputs, score.inputs)


def test_predictions_are_averaged_over_mirror_images_only_where_training_mirrors():
    assert pixels(1).views() == ("plain", "mirrored")
    assert pixels(1, flip=False).views() == ("plain",)
    assert VectorInputs(torch.zeros(1, 2)).views() == ("plain",)


def test_vectors_have_no_augmentation():
    samples = vectors(5)
    (batch,) = samples.in_order("augmented")
    assert isinstance(samples.inputs, VectorInputs)
    assert torch.equal(batch.inputs, samples.inputs.values)


def test_taking_positions_keeps_their_images_and_vectors_and_all_settings():
    index = torch.tensor([4, 1])
    inputs = pixels(6, crop_padding=1, flip=False)
    taken = inputs.take(index)
    assert torch.equal(taken.pixels, inputs.pixels[index])
    assert (taken.size, taken.crop_padding, taken.flip) == (8, 1, False)
    assert VectorInputs(torch.arange(12.0).reshape(6, 2)).take(index).values.tolist() == [[8.0, 9.0], [2.0, 3.0]]


def test_images_read_from_disk_give_the_same_batches_as_resident_ones():
    resident = pixels(n=50)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(9))
    shuffled_rows = torch.empty_like(resident.pixels)
    shuffled_rows[order] = resident.pixels
    streamed = dataclasses.replace(resident, pixels=shuffled_rows, rows=order)
    assert resident.is_resident
    assert not streamed.is_resident
    for view in ("shuffled", "mirrored"):
        batches = []
        for inputs in (resident, streamed):
            samples = Samples(inputs, torch.arange(50), 8, torch.float32, 0)
            made = samples.shuffled("a", 1) if view == "shuffled" else samples.in_order("mirrored")
            batches.append(list(made))
        for a, b in zip(*batches, strict=True):
            assert torch.equal(a.inputs, b.inputs)
            assert torch.equal(a.index, b.index)


def test_some_of_the_samples_are_the_same_wherever_the_pixels_are():
    resident = pixels(n=10)
    streamed = dataclasses.replace(resident, rows=torch.arange(10))
    index = torch.tensor([7, 2, 2])
    assert torch.equal(resident.take(index).pixels, resident.pixels[index])
    assert torch.equal(streamed.take(index).fetch(torch.arange(3)), resident.pixels[index])


@pytest.mark.parametrize("strong", ["policy", "cutout", "weak"])
def test_the_strong_view_of_images_is_another_one_and_comes_from_its_draw(strong):
    samples = pictures(6)
    index = torch.tensor([4, 1])
    first, again, other = (samples.look_twice(index, strong, torch_generator(seed, "look")) for seed in (0, 0, 1))
    assert first[0].shape == first[1].shape == (2, 3, 8, 8)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[1], other[1])
    weak = samples.look(index, "augmented", torch_generator(0, "look"))
    assert torch.equal(first[0], weak)


def test_the_strong_view_is_the_weak_one_disturbed(monkeypatch):
    samples, given = pictures(6), list[Any]()

    def remembered(images, _):
        given.append(images)
        return images

    monkeypatch.setattr(module, "auto_augmented", remembered)
    weak, _ = samples.look_twice(torch.tensor([4, 1]), "policy", torch_generator(0, "look"))
    assert torch.allclose(normalised(given[0]), weak)


def test_looking_at_some_samples_gives_those_samples_wherever_the_pixels_are():
    samples, resident = pictures(6), pixels(6)
    index = torch.tensor([4, 1])
    expected = normalised(resident.pixels[index])
    assert torch.allclose(samples.look(index, "plain", torch_generator(0, "look")), expected)
    mapped = dataclasses.replace(samples, inputs=dataclasses.replace(resident, rows=torch.arange(6)))
    assert torch.allclose(mapped.look(index, "plain", torch_generator(0, "look")), expected)


def test_the_strong_view_of_vectors_is_noise_of_a_tenth_of_each_columns_deviation():
    values = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 50.0])
    samples = Samples(VectorInputs(values), torch.zeros(4000, dtype=torch.long), 4, torch.float32, 0)
    weak, strong = samples.look_twice(torch.arange(4000), "policy", torch_generator(0, "look"))
    assert torch.equal(weak, values)
    noise = strong - values
    assert (noise.std(dim=0) / values.std(dim=0)).tolist() == pytest.approx([0.1, 0.1], rel=0.05)
