"""What ranks exchange makes them one: the same weights, the same rows in tables, every sample once."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.stats import spearmanr

from labelaudit.core.errors import TrainingError
from labelaudit.training import job as job_module
from labelaudit.training.batches import Samples, VectorInputs
from labelaudit.training.checkpoint import load_tensors
from labelaudit.training.ranks import ALONE, Ranks
from labelaudit.training.tables import visiting
from tests.distributed.exchange import N, work_out
from tests.distributed.launch import TIMEOUT_S, output, start_ranks

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[2, 3])
def ranks(request, tmp_path_factory):
    """What each of two or three ranks knows, and the folder that they ran in."""
    folder = tmp_path_factory.mktemp("ranks")
    processes = start_ranks(request.param, "-m", "tests.distributed.exchange", cwd=folder)
    codes = [process.wait(timeout=TIMEOUT_S) for process in processes]
    assert codes == [0] * request.param, "".join(output(folder, f"rank{rank}") for rank in range(request.param))
    return [load_file(folder / f"out.{rank}.safetensors") for rank in range(request.param)], folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_module, "_CHECKPOINT_EVERY_S", 0.0)
        return work_out(ALONE, tmp_path_factory.mktemp("alone"))


def test_all_ranks_end_with_the_same_bits(ranks):
    (first, *others), _ = ranks
    for other in others:
        assert first.keys() == other.keys()
        assert [name for name in first if name != "rows" and not torch.equal(first[name], other[name])] == []


def test_gathered_values_are_in_dataset_order_and_padding_may_repeat(ranks):
    expected = torch.stack([torch.arange(11.0), -2 * torch.arange(11.0)], dim=1)
    assert torch.equal(ranks[0][0]["gather/plain"], expected)
    assert torch.equal(ranks[0][0]["gather/padded"], expected)


def test_a_sample_that_no_rank_has_is_named(ranks):
    text = bytes(ranks[0][1]["gather/missing"].tolist()).decode()
    assert text == "1 of 11 samples have no result on any rank; the first: 7."


def test_without_batch_norm_ranks_take_the_steps_of_one(ranks, alone):
    names = [name for name in alone if name.startswith("linear/")]
    assert len(names) == 6
    for name in names:
        assert torch.allclose(ranks[0][0][name], alone[name], atol=1e-6, rtol=0), name


def test_batch_norm_sees_the_whole_batch_forwards_backwards_and_in_its_running_statistics(ranks, alone):
    names = [name for name in alone if name.startswith("normed/")]
    assert any("running_var" in name for name in names)
    for name in names:
        assert torch.allclose(ranks[0][0][name].double(), alone[name].double(), atol=1e-4, rtol=1e-4), name


def test_tables_hold_what_the_rank_that_saw_the_sample_wrote(ranks, alone):
    found = ranks[0][0]
    for name in ("table/recorded", "table/window", "table/predicted"):
        assert torch.allclose(found[name].float(), alone[name].float(), atol=2e-3), name
    assert found["table/recorded"].sum(dim=1) == pytest.approx(2.0, abs=1e-5)  # added up once in each of two epochs


def test_no_rank_has_more_rows_than_its_share(ranks, alone):
    assert [int(found["rows"]) for found in ranks[0]] == [
        len(range(N)[r :: len(ranks[0])]) for r in range(len(ranks[0]))
    ]
    assert alone["rows"] == N


def test_tables_come_back_from_rank_0s_disk_and_its_files_are_those_of_a_process_alone(ranks):
    known, folder = ranks
    assert all(found["came_back"].all() for found in known)
    assert sorted(path.name for path in folder.glob("disk.*")) == ["disk.0"]
    saved, counters = load_tensors(folder / "disk.0" / "a.safetensors")
    assert counters["epoch"] == 2
    assert torch.equal(saved["table/recorded"], known[0]["table/recorded"])
    assert torch.equal(saved["table/window"], known[0]["table/window"])
    left, _ = load_tensors(folder / "disk.0" / "b.result.safetensors")
    assert torch.equal(left["probs"], known[0]["table/predicted"])


def test_a_detector_that_learns_from_its_tables_finds_what_it_finds_alone(ranks, alone):
    assert spearmanr(ranks[0][0]["losses/soft"], alone["losses/soft"]).statistic > 0.98
    assert np.isfinite(ranks[0][0]["losses/pseudo"].numpy()).all()  # mixup is each rank's own


def test_a_panel_of_several_ranks_plants_and_finds_what_it_does_alone(ranks, alone):
    assert torch.equal(ranks[0][0]["panel/labels"][0], alone["panel/labels"][0])  # later ones depend on rounding
    assert spearmanr(ranks[0][0]["panel/evidence"], alone["panel/evidence"]).statistic > 0.95


def test_features_of_a_frozen_network_are_those_of_one_process(ranks, alone):
    assert alone["features"].shape[0] == N
    assert torch.allclose(ranks[0][0]["features"], alone["features"], atol=1e-4)


def test_what_rank_0_knows_reaches_the_others(ranks):
    assert ranks[0][1]["told"].all()
    assert torch.equal(ranks[0][1]["sent/a"], torch.arange(6).view(2, 3))
    assert ranks[0][1]["sent/b"] == 1.5


def test_a_process_alone_gathers_too_and_misses_nothing_silently():
    index = torch.tensor([2, 0, 1])
    assert ALONE.gather_by_index(index, index * 10, 3).tolist() == [0, 10, 20]
    with pytest.raises(TrainingError, match=r"2 of 4 samples have no result on any rank; the first: 1"):
        ALONE.gather_by_index(torch.tensor([0, 2]), torch.zeros(2), 4)


def test_a_table_of_another_shape_is_refused():
    with (
        pytest.raises(ValueError, match=r"table 'odd' has shape \(5,\); expected \(..., 3, C\)"),
        visiting({"odd": torch.zeros(5)}, torch.arange(5), Ranks(size=2)),
    ):
        pass


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
    for rank, (samples, shuffled, in_order) in enumerate(parts):
        order = samples.order("a", 1)[rank::size]
        for batch in shuffled:
            assert torch.equal(order[batch.row], batch.index)
        for batch in in_order:
            assert torch.equal(batch.row * size + rank, batch.index)


def test_the_first_batches_are_the_same_whatever_the_number_of_ranks():
    def first(ranks):
        samples = Samples(VectorInputs(torch.zeros(100, 2)), torch.zeros(100), 32, torch.float32, 0, ranks)
        return next(samples.shuffled("a", 1)).index

    whole = first(ALONE)
    assert torch.equal(first(Ranks(rank=1, size=2)), whole[1::2])
