"""Trusted batches: balanced, and in an order that is never shuffled."""

import torch

from labelaudit.training.batches import Samples, VectorInputs
from labelaudit.training.ranks import ALONE, Ranks
from labelaudit.training.streams import torch_generator
from labelaudit.training.trusted_stream import TrustedStream


def stream_of(*trusted: int, batch_size: int, ranks: Ranks = ALONE) -> TrustedStream:
    """Return the stream of some of 12 samples with labels 0, 1, 2, 0, 1, 2, ..."""
    values = torch.arange(12, dtype=torch.float32)[:, None]
    samples = Samples(VectorInputs(values), torch.arange(12) % 3, 4, torch.float32, 0, ranks)
    chosen = torch.zeros(12, dtype=torch.bool)
    chosen[list(trusted)] = True
    return TrustedStream(samples, chosen, batch_size)


def test_trusted_batches_take_one_class_after_the_other():
    stream = stream_of(0, 3, 6, 1, 2, 5, batch_size=4)  # three of class 0, one of class 1, two of class 2
    assert stream.size == 4
    assert [stream.positions(step).tolist() for step in range(3)] == [[0, 1, 2, 3], [1, 5, 6, 1], [2, 0, 1, 5]]


def test_a_small_trusted_set_is_taken_whole_and_a_batch_has_two_samples_at_least():
    assert stream_of(0, 3, 1, 4, batch_size=100).positions(7).sort().values.tolist() == [0, 1, 3, 4]
    assert stream_of(5, batch_size=100).positions(3).tolist() == [5, 5]


def test_a_batch_holds_inputs_and_labels_of_its_positions():
    inputs, labels = stream_of(0, 4, 8, batch_size=3).batch(0, torch_generator(0, "trusted"))
    assert inputs.tolist() == [[0.0], [4.0], [8.0]]
    assert labels.tolist() == [0, 1, 2]


def test_ranks_share_a_batch_of_trusted_samples_unless_there_are_too_few():
    whole = stream_of(0, 3, 6, 1, 2, 5, batch_size=5)
    parts = [stream_of(0, 3, 6, 1, 2, 5, batch_size=5, ranks=Ranks(rank, 2)) for rank in (0, 1)]
    assert [part.share for part in parts] == [0.6, 0.4]
    seen = [part.positions(3).tolist() for part in parts]
    assert sorted(seen[0] + seen[1]) == sorted(whole.positions(3).tolist())
    few = stream_of(0, 1, 2, batch_size=100, ranks=Ranks(1, 2))
    assert (few.share, len(few.positions(0))) == (0.5, 3)
