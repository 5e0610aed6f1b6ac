"""What two ranks exchange makes them one: the same weights, the same tables, every sample once."""

import pytest
import torch
from safetensors.torch import load_file

from labelaudit.core.errors import TrainingError
from labelaudit.training.batches import Samples, VectorInputs
from labelaudit.training.job import merge_tables_
from labelaudit.training.ranks import ALONE, Ranks
from tests.distributed.exchange import work_out
from tests.distributed.launch import TIMEOUT_S, output, start_ranks

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What each of two ranks knows."""
    folder = tmp_path_factory.mktemp("ranks")
    processes = start_ranks(2, "-m", "tests.distributed.exchange", "out", cwd=folder)
    codes = [process.wait(timeout=TIMEOUT_S) for process in processes]
    assert codes == [0, 0], output(folder, "rank0") + output(folder, "rank1")
    return [load_file(folder / f"out.{rank}.safetensors") for rank in range(2)]


@pytest.fixture(scope="module")
def alone():
    return work_out(ALONE)


def test_both_ranks_end_with_the_same_bits(two):
    first, second = two
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_gathered_values_are_in_dataset_order_and_padding_may_repeat(two):
    expected = torch.stack([torch.arange(11.0), -2 * torch.arange(11.0)], dim=1)
    assert torch.equal(two[0]["gather/plain"], expected)
    assert torch.equal(two[0]["gather/padded"], expected)


def test_a_sample_that_no_rank_has_is_named(two):
    text = bytes(two[1]["gather/missing"].tolist()).decode()
    assert text == "1 of 11 samples have no result on any rank; the first: 7."


def test_without_batch_norm_two_ranks_take_the_steps_of_one(two, alone):
    names = [name for name in alone if name.startswith("linear/")]
    assert len(names) == 6
    for name in names:
        assert torch.allclose(two[0][name], alone[name], atol=1e-6, rtol=0), name


def test_batch_norm_sees_the_whole_batch_forwards_backwards_and_in_its_running_statistics(two, alone):
    names = [name for name in alone if name.startswith("normed/")]
    assert any("running_var" in name for name in names)
    for name in names:
        assert torch.allclose(two[0][name].double(), alone[name].double(), atol=1e-4, rtol=1e-4), name


def test_tables_hold_each_samples_row_from_the_rank_that_saw_it(two, alone):
    for name in ("table/recorded", "table/window", "table/predicted"):
        assert torch.allclose(two[0][name].float(), alone[name].float(), atol=2e-3), name
    assert two[0]["table/recorded"].sum(dim=1) == pytest.approx(2.0, abs=1e-5)  # added up once in each of two epochs


def test_what_rank_0_knows_reaches_the_others(two):
    assert two[1]["told"].all()
    assert torch.equal(two[1]["sent/a"], torch.arange(6).view(2, 3))
    assert two[1]["sent/b"] == 1.5


def test_a_process_alone_gathers_too_and_misses_nothing_silently():
    index = torch.tensor([2, 0, 1])
    assert ALONE.gather_by_index(index, index * 10, 3).tolist() == [0, 10, 20]
    with pytest.raises(TrainingError, match=r"2 of 4 samples have no result on any rank; the first: 1"):
        ALONE.gather_by_index(torch.tensor([0, 2]), torch.zeros(2), 4)


def test_a_table_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"table 'odd' has shape \(5,\); expected \(..., 5, C\)"):
        merge_tables_({"odd": torch.zeros(5)}, torch.arange(5), 5, ALONE)


@pytest.mark.parametrize("n", [64, 65, 67, 95, 33, 24])
@pytest.mark.parametrize("size", [2, 3])
def test_the_parts_of_the_ranks_are_the_batches_of_one(n, size):
    def batches(ranks):
        samples = Samples(VectorInputs(torch.arange(2.0 * n).view(n, 2)), torch.zeros(n), 32, torch.float32, 0, ranks)
        return samples, list(samples.shuffled("a", 1)), list(samples.in_order("plain"))

    parts = [batches(Ranks(rank=rank, size=size)) for rank in range(size)]
    steps = {samples.steps() for samples, _, _ in parts}
    assert steps == {len(shuffled) for _, shuffled, _ in parts}
    for step in range(steps.pop()):
        together = [shuffled[step] for _, shuffled, _ in parts]
        sizes = [len(batch.index) for batch in together]
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) >= 2
        assert sum(batch.share for batch in together) == pytest.approx(1.0)
        assert [batch.share for batch in together] == [part / sum(sizes) for part in sizes]
    for pass_ in (1, 2):
        seen = torch.cat([batch.index for part in parts for batch in part[pass_]])
        assert sorted(seen.tolist()) == list(range(n))


def test_the_first_batches_are_the_same_whatever_the_number_of_ranks():
    def first(ranks):
        samples = Samples(VectorInputs(torch.zeros(100, 2)), torch.zeros(100), 32, torch.float32, 0, ranks)
        return next(samples.shuffled("a", 1)).index

    whole = first(ALONE)
    assert torch.equal(first(Ranks(rank=1, size=2)), whole[1::2])
