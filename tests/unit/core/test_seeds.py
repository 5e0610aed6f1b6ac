"""Random streams by name."""

import hashlib
from typing import Any

import numpy as np

from labelaudit.core.seeds import numpy_generator, stream_seed


def test_a_stream_has_the_same_seed_on_every_machine_and_in_every_version():
    assert stream_seed(0, "order", "stage1", 1) == 256639378540194052
    text = b"0\x1forder\x1fstage1\x1f1"
    value = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    assert stream_seed(0, "order", "stage1", 1) == value // 2


def test_every_name_every_seed_and_every_order_of_names_is_a_stream_of_its_own():
    streams: list[tuple[Any, ...]] = [
        (0,),
        (1,),
        (0, "a"),
        (0, "b"),
        (0, "a", 1),
        (0, "a", 2),
        (0, 1, "a"),
        (0, "a1"),
        (1, "a"),
        (10, "a"),
    ]
    assert len({stream_seed(*names) for names in streams}) == len(streams)


def test_seeds_fit_in_a_signed_integer_of_64_bits():
    seeds = [stream_seed(seed, "a") for seed in range(200)]
    assert min(seeds) >= 0
    assert 2**60 < max(seeds) < 2**63


def test_the_generator_draws_what_its_seed_says():
    drawn = numpy_generator(3, "plant").integers(0, 1 << 60, 5)
    assert (drawn == np.random.default_rng(stream_seed(3, "plant")).integers(0, 1 << 60, 5)).all()
    assert (drawn != numpy_generator(3, "split").integers(0, 1 << 60, 5)).all()


def test_drawing_from_one_more_stream_shifts_no_other():
    alone = numpy_generator(0, "a").random(4)
    numpy_generator(0, "new").random(100)
    assert (numpy_generator(0, "a").random(4) == alone).all()
