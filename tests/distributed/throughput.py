"""Samples per second of the small network on made-up 32x32 images, and the share of the time that ranks wait.

python -m tests.distributed.throughput THREADS                                       one process
torchrun --nproc-per-node 2 -m tests.distributed.throughput 1                        two
"""

import sys
import time

import torch
from torch.nn import functional as F

from labelaudit.training.batch_norm import share_batch_norm
from labelaudit.training.batches import Pixels, Samples
from labelaudit.training.device import keep_freed_memory
from labelaudit.training.epoch import train_epoch
from labelaudit.training.models import build_image_network
from labelaudit.training.ranks import Ranks, join_ranks

N, WAITED = 2560, [0.0]


def measure(ranks: Ranks) -> None:
    pixels = torch.randint(0, 256, (N, 32, 32, 3), dtype=torch.uint8)
    inputs = Pixels(pixels, 32, torch.full((3,), 1 / 64.0), torch.full((3,), -2.0), 4, True)
    samples = Samples(inputs, torch.arange(N) % 10, 128, torch.float32, 0, ranks)
    model = share_batch_norm(build_image_network("small", 10, 32, seed=0, stream="a"), ranks)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, fused=True)

    def epoch(number: int) -> float:
        WAITED[0], started = 0.0, time.monotonic()
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
        return time.monotonic() - started

    epoch(0)
    timed = [(epoch(number), WAITED[0]) for number in (1, 2, 3, 4)]
    if ranks.is_main:
        seconds, waited = min(timed)
        who = f"{ranks.size} ranks x {torch.get_num_threads()} threads"
        print(f"{who}: {N / seconds:,.0f} samples/s, {waited / seconds:.0%} exchanging")


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    keep_freed_memory()
    plain_sum = Ranks.sum_

    def timed_sum(self, values):
        started = time.monotonic()
        result = plain_sum(self, values)
        WAITED[0] += time.monotonic() - started
        return result

    Ranks.sum_ = timed_sum  # type: ignore[method-assign]
    with join_ranks(torch.device("cpu")) as joined:
        measure(joined)
