"""What two ranks work out together: run by `test_exchange.py` once in two processes, once alone.

python -m tests.distributed.exchange OUT    writes OUT.<rank>.safetensors
"""

from __future__ import annotations

import dataclasses
import sys

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from labelaudit.core.errors import TrainingError
from labelaudit.training.batch_norm import share_batch_norm
from labelaudit.training.batches import Pixels, Samples
from labelaudit.training.epoch import train_epoch
from labelaudit.training.ranks import Ranks, join_ranks
from tests.methods.jobs import blobs, image_job, vector_job

N = 69  # with batches of 32: parts of 16, and a last batch of five, three here and two there


def work_out(ranks: Ranks) -> dict[str, Tensor]:
    """Return what this rank knows at the end."""
    torch.set_num_threads(1)
    found = gathered(ranks) | tables(ranks)
    found |= {f"linear/{name}": value for name, value in linear_after_an_epoch(ranks).items()}
    found |= {f"normed/{name}": value for name, value in normed_after_an_epoch(ranks).items()}
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


def tables(ranks: Ranks) -> dict[str, Tensor]:
    """Return tables that two epochs wrote: one by `+=`, and a stack of one an epoch."""
    values, given, _ = blobs(N, 3, rate=0.1)
    alone = vector_job(values, given, 3)
    job = dataclasses.replace(alone, samples=_shared(alone.samples, ranks))
    state = job.new_state("a")
    for module in state.model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # the only draw that differs between ranks
    state.tables = {"recorded": torch.zeros(N, 3), "window": torch.zeros(2, N, 3, dtype=torch.float16)}

    def loss(model, batch):
        logits = model(batch.inputs)
        probs = torch.softmax(logits.detach(), dim=1)
        state.tables["recorded"][batch.index] += probs
        state.tables["window"][state.epoch, batch.index] = probs.half()
        return F.cross_entropy(logits, batch.labels, reduction="none")

    for _ in range(2):
        job.train_epoch("a", state, loss, lambda _: 0.01, epochs=2)
    return {f"table/{name}": table for name, table in state.tables.items()} | {
        "table/predicted": job.predict("a", state.model, ("plain",))
    }


def _shared(samples: Samples, ranks: Ranks) -> Samples:
    return dataclasses.replace(samples, ranks=ranks)


def _after_an_epoch(model: nn.Module, samples: Samples) -> dict[str, Tensor]:
    step, mean_loss = train_epoch(
        model,
        samples.shuffled("a", 1),
        lambda network, batch: F.cross_entropy(network(batch.inputs), batch.labels, reduction="none"),
        torch.optim.SGD(model.parameters(), 0.1),
        lambda _: 0.1,
        step=0,
        precision=torch.float32,
        on_samples=lambda _: None,
        ranks=samples.ranks,
    )
    return dict(model.state_dict()) | {"step": torch.tensor(step), "mean_loss": torch.tensor(mean_loss)}


if __name__ == "__main__":
    with join_ranks(torch.device("cpu")) as joined:
        save_file({k: v.contiguous() for k, v in work_out(joined).items()}, f"{sys.argv[1]}.{joined.rank}.safetensors")
