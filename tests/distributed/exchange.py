"""What several ranks work out together: run by `test_exchange.py` in two and in three processes, and alone.

python -m tests.distributed.exchange    writes out.<rank>.safetensors and disk.<rank>/ in the working directory
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.dataset import Dataset, Vectors
from labelaudit.core.errors import TrainingError
from labelaudit.core.events import ignore
from labelaudit.core.recipe import ModelSettings, Recipe
from labelaudit.methods import drpl, panel
from labelaudit.scanning.learn import of_all_ranks
from labelaudit.scanning.load import Loaded
from labelaudit.scanning.network import with_features
from labelaudit.training import job as job_module
from labelaudit.training.batch_norm import share_batch_norm
from labelaudit.training.batches import Batch, Pixels, Samples, VectorInputs
from labelaudit.training.checkpoint import StageState
from labelaudit.training.epoch import train_epoch
from labelaudit.training.job import Job
from labelaudit.training.models import build_image_network
from labelaudit.training.optimizers import make_sgd
from labelaudit.training.ranks import Ranks, join_ranks
from tests.methods.jobs import blobs, image_job, vector_job

N = 71  # 36 and 35, or 24, 24 and 23; with batches of 32, whose last has seven: two, three or four a rank
SOFT = drpl.Options(stage1_epochs=4, relabel_from=2, stage2_epochs=3, peak_lr=0.02, record=0.5)
PANEL = panel.Options(networks=2, epochs=4, peak_lr=0.02, elr_weight=1.0)
PSEUDO = drpl.Options(stage1_epochs=2, stage2_epochs=2, peak_lr=0.02, stage2="pseudo-labels", ssl_warmup=True, record=0)


def work_out(ranks: Ranks, folder: Path) -> dict[str, Tensor]:
    """Return what this rank knows at the end; its own disk is a folder of its own."""
    torch.set_num_threads(1)
    found = gathered(ranks) | tables(ranks, folder / f"disk.{ranks.rank}")
    found |= {f"linear/{name}": value for name, value in linear_after_an_epoch(ranks).items()}
    found |= {f"normed/{name}": value for name, value in normed_after_an_epoch(ranks).items()}
    found |= {"losses/soft": losses(ranks, SOFT), "losses/pseudo": losses(ranks, PSEUDO)}
    found |= judged(ranks)
    found["features"] = features(ranks, folder / f"weights.{ranks.rank}.safetensors")
    told = ranks.from_main({"text": "räk", "list": [1, None]} if ranks.is_main else "ignored")
    found["told"] = torch.tensor([told == {"text": "räk", "list": [1, None]}])
    sent = {"a": torch.arange(6).view(2, 3), "b": torch.tensor(1.5), "c": torch.ones(4, 2).t()} if ranks.is_main else {}
    return found | {f"sent/{name}": value.contiguous() for name, value in ranks.tensors_from_main(sent).items()}


def gathered(ranks: Ranks) -> dict[str, Tensor]:
    index = torch.arange(11)[ranks.part].flip(0)
    padded = torch.cat([index, index[:1], torch.tensor([0])])  # repeats, as padding makes them
    values = {name: torch.stack([i * 1.0, -i * 2.0], dim=1) for name, i in (("plain", index), ("padded", padded))}
    try:
        ranks.gather_by_index(index[index != 7], index[index != 7], 11)
        missing = "nothing"
    except TrainingError as error:
        missing = error.problem
    return {
        "gather/plain": ranks.gather_by_index(index, values["plain"], 11),
        "gather/padded": ranks.gather_by_index(padded, values["padded"], 11),
        "gather/missing": torch.tensor(list(missing.encode())),
    }


def linear_after_an_epoch(ranks: Ranks) -> dict[str, Tensor]:
    values, given, _ = blobs(N, 3, rate=0.1)
    samples = _shared(vector_job(values, given, 3).samples, ranks)
    torch.manual_seed(0)
    return _after_an_epoch(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3)), samples)


def normed_after_an_epoch(ranks: Ranks) -> dict[str, Tensor]:
    job, _ = image_job(N, 3)
    assert isinstance(job.samples.inputs, Pixels)
    inputs = dataclasses.replace(job.samples.inputs, flip=True)  # random crops and mirror images as well
    return _after_an_epoch(
        share_batch_norm(job.build_model("a"), ranks), _shared(dataclasses.replace(job.samples, inputs=inputs), ranks)
    )


def tables(ranks: Ranks, disk: Path) -> dict[str, Tensor]:
    """Return tables that two epochs wrote: one by `+=`, and a stack of one an epoch; and what comes back from disk."""
    if ranks.is_main:
        disk.mkdir()  # only rank 0 needs one
    values, given, _ = blobs(N, 3, rate=0.1)
    alone = vector_job(values, given, 3, checkpoints=disk)
    job = dataclasses.replace(alone, samples=_shared(alone.samples, ranks))
    n_own = len(range(N)[job.own])

    def fresh() -> StageState:
        state = job.new_state("a")
        for module in state.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0  # the only draw that differs between ranks
        state.tables = {"recorded": torch.zeros(n_own, 3), "window": torch.zeros(2, n_own, 3, dtype=torch.float16)}
        return state

    state, visited = fresh(), []

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        visited.append(len(state.tables["recorded"]))
        logits = model(batch.inputs)
        probs = torch.softmax(logits.detach(), dim=1)
        state.tables["recorded"][batch.row] += probs
        state.tables["window"][state.epoch, batch.row] = probs.half()
        return F.cross_entropy(logits, batch.labels, reduction="none")

    for _ in range(2):
        job.train_epoch("a", state, loss, lambda _: 0.01, epochs=2)
    job.checkpoint("a", state)
    resumed = fresh()
    job.resume("a", resumed)
    probs = job.predict("a", state.model, ("plain",))
    job.finish("b", {"probs": probs})
    left = job.finished("b")
    assert left is not None
    back = all(torch.equal(resumed.tables[name], table) for name, table in state.tables.items())
    return {f"table/{name}": _whole(job, table) for name, table in state.tables.items()} | {
        "table/predicted": job.gathered(probs),
        "rows": torch.tensor(max(visited)),
        "came_back": torch.tensor([back, torch.equal(left["probs"], probs), resumed.epoch == 2]),
    }


def losses(ranks: Ranks, options: drpl.Options) -> Tensor:
    """Return what a detector finds in images."""
    alone, _ = image_job(N, 3)
    job = dataclasses.replace(alone, samples=_shared(alone.samples, ranks))
    return torch.from_numpy(of_all_ranks(drpl.run(job, options), job).losses)


def judged(ranks: Ranks) -> dict[str, Tensor]:
    """Return what a panel says of images, and what its networks were taught."""
    alone, _ = image_job(N, 3)
    job = dataclasses.replace(alone, samples=_shared(alone.samples, ranks))
    evidence = of_all_ranks(panel.run(job, PANEL), job)
    assert evidence.judges is not None
    labels = torch.from_numpy(evidence.judges.labels.copy())
    return {"panel/evidence": torch.from_numpy(evidence.scores["evidence"]), "panel/labels": labels}


def features(ranks: Ranks, weights: Path) -> Tensor:
    """Return the features of a frozen network."""
    job, _ = image_job(N, 3)
    trained = build_image_network("small", 3, 12, seed=1, stream="elsewhere").state_dict()
    save_file({name: value.contiguous() for name, value in trained.items()}, weights)
    rows = tuple(str(i) for i in range(N))
    nothing = Vectors(np.zeros((N, 1), np.float32), "features")
    dataset = Dataset("made up", rows, rows, job.samples.labels.numpy(), ("a", "b", "c"), nothing, np.zeros(N, bool))
    recipe = Recipe(model=ModelSettings("small", str(weights), frozen="yes"))
    loaded = Loaded(dataset, job.samples.inputs, rows, np.zeros(N, bool), rows)
    inputs = with_features(loaded, recipe, torch.device("cpu"), ignore, ranks=ranks).inputs
    assert isinstance(inputs, VectorInputs)
    return inputs.values


def _whole(job: Job, table: Tensor) -> Tensor:
    return job.gathered(table) if table.ndim == 2 else torch.stack([job.gathered(layer) for layer in table])


def _shared(samples: Samples, ranks: Ranks) -> Samples:
    return dataclasses.replace(samples, ranks=ranks)


def _after_an_epoch(model: nn.Module, samples: Samples) -> dict[str, Tensor]:
    step, mean_loss = train_epoch(
        model,
        samples.shuffled("a", 1),
        lambda network, batch: F.cross_entropy(network(batch.inputs), batch.labels, reduction="none"),
        make_sgd(list(model.parameters()), momentum=0.0, nesterov=False, weight_decay=0.0),
        lambda _: 0.1,
        step=0,
        precision=torch.float32,
        on_samples=lambda _: None,
        ranks=samples.ranks,
    )
    return dict(model.state_dict()) | {"step": torch.tensor(step), "mean_loss": torch.tensor(mean_loss)}


if __name__ == "__main__":
    job_module._CHECKPOINT_EVERY_S = 0.0
    with join_ranks(torch.device("cpu")) as joined:
        found = work_out(joined, Path())
        save_file({name: value.contiguous() for name, value in found.items()}, f"out.{joined.rank}.safetensors")
