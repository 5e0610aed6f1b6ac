"""Throughput of the small network on made-up 32x32 images, and what working together costs.

python -m tests.distributed.throughput THREADS                                       one process
torchrun --nproc-per-node 2 -m tests.distributed.throughput 1                        two

Samples per second and the share of the time that ranks exchange and wait depend on what else the machine does.
Processor time per sample, over all ranks, and what is exchanged in a step hardly do.
"""

import sys
import time
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from labelaudit.training.batch_norm import share_batch_norm
from labelaudit.training.batches import Pixels, Samples
from labelaudit.training.device import keep_freed_memory
from labelaudit.training.epoch import train_epoch
from labelaudit.training.models import build_image_network
from labelaudit.training.optimizers import make_sgd
from labelaudit.training.ranks import Ranks, join_ranks

N, BATCH, EPOCHS = 2560, 128, 4


@dataclass
class Exchanged:
    """What the sums over all ranks took since the start of an epoch."""

    seconds: float = 0.0
    sums: int = 0
    n_bytes: int = 0


def measure(ranks: Ranks, exchanged: Exchanged) -> None:
    pixels = torch.randint(0, 256, (N, 32, 32, 3), dtype=torch.uint8)
    inputs = Pixels(pixels, 32, torch.full((3,), 1 / 64.0), torch.full((3,), -2.0), 4, True)
    samples = Samples(inputs, torch.arange(N) % 10, BATCH, torch.float32, 0, ranks)
    model = share_batch_norm(build_image_network("small", 10, 32, seed=0, stream="a"), ranks)
    optimizer = make_sgd(list(model.parameters()), momentum=0.9, nesterov=False, weight_decay=0.0)

    def epoch(number: int) -> tuple[float, float, float]:
        exchanged.__init__()  # type: ignore[misc]
        started, worked = time.monotonic(), time.process_time()
        train_epoch(
            model,
            samples.shuffled("a", number),
            lambda network, batch: F.cross_entropy(network(batch.inputs), batch.labels, reduction="none"),
            optimizer,
            lambda _: 0.01,
            step=0,
            precision=torch.float32,
            on_samples=lambda _: None,
            ranks=ranks,
        )
        return time.monotonic() - started, exchanged.seconds, time.process_time() - worked

    epoch(0)
    timed = [epoch(number) for number in range(1, EPOCHS + 1)]
    seconds, waited, _ = min(timed)
    sums, n_bytes = exchanged.sums, exchanged.n_bytes
    worked = ranks.sum_(torch.tensor(min(worked for _, _, worked in timed)))
    if ranks.is_main:
        who = f"{ranks.size} ranks x {torch.get_num_threads()} threads"
        print(
            f"{who}: {N / seconds:,.0f} samples/s, {waited / seconds:.0%} exchanging;"
            f" {1000 * float(worked) / N:.2f} ms of processor a sample;"
            f" {sums * BATCH / N:.0f} sums and {n_bytes * BATCH / N / 2**20:.1f} MiB a step"
        )


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    keep_freed_memory()
    plain_sum, so_far = Ranks.sum_, Exchanged()

    def noted_sum(self: Ranks, values: Tensor) -> Tensor:
        started = time.monotonic()
        result = plain_sum(self, values)
        so_far.seconds += time.monotonic() - started
        so_far.sums += self.size > 1
        so_far.n_bytes += values.nbytes * (self.size > 1)
        return result

    Ranks.sum_ = noted_sum  # type: ignore[method-assign]
    with join_ranks(torch.device("cpu")) as joined:
        measure(joined, so_far)
