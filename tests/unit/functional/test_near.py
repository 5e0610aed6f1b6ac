"""Near duplicates: which changes the hashes survive, and the quick search against all pairs."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from labelaudit.functional.near import NEAR_BITS, near_hashes, near_pairs, near_row_hashes

SIDE = 64


def scenes(n: int, *, seed: int = 0, side: int = SIDE) -> list[Image.Image]:
    """Made-up photographs: noise at several scales, the coarse ones strongest."""
    draw = np.random.default_rng(seed)
    pictures = []
    for _ in range(n):
        total = np.zeros((side, side, 3))
        for cells, strength in ((3, 50), (6, 30), (12, 20), (24, 10)):
            coarse = draw.normal(0, strength, (cells, cells, 3)).astype(np.float32)
            layers = [Image.fromarray(coarse[..., c]).resize((side, side), 3) for c in range(3)]
            total += np.stack([np.asarray(layer) for layer in layers], axis=2)
        pictures.append(Image.fromarray(np.clip(total + 118, 0, 255).astype(np.uint8)))
    return pictures


def squares(pictures: list[Image.Image]) -> Any:
    return np.stack([np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)) for picture in pictures])


def as_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def bits_between(a: Any, b: Any) -> Any:
    return np.array([(int(x) ^ int(y)).bit_count() for x, y in zip(a, b, strict=True)])


def all_pairs(hashes: Any, others: Any = None, bits: int = NEAR_BITS) -> list[tuple[int, int]]:
    """The slow way."""
    right = hashes if others is None else others
    return [
        (i, j)
        for i, a in enumerate(hashes.tolist())
        for j, b in enumerate(right.tolist())
        if a and b and (others is not None or i < j) and (a ^ b).bit_count() <= bits
    ]


def crowded(n: int, seed: int) -> Any:
    """Hashes of which many differ in a few bits, equal ones and zeros among them."""
    draw = np.random.default_rng(seed)
    hashes = draw.integers(1, 2**64, max(1, n // 6), dtype=np.uint64)[draw.integers(0, max(1, n // 6), n)]
    for _ in range(3):
        flip = np.uint64(1) << draw.integers(0, 64, n).astype(np.uint64)
        hashes = np.where(draw.random(n) < 0.6, hashes ^ flip, hashes)
    return np.where(draw.random(n) < 0.05, np.uint64(0), hashes)


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (lambda picture: as_jpeg(picture, 50), 0.9),
        (lambda picture: picture.resize((51, 51), Image.Resampling.BICUBIC), 0.9),
        (lambda picture: picture.resize((128, 128), Image.Resampling.BICUBIC), 0.9),
        (lambda picture: ImageEnhance.Brightness(picture).enhance(1.1), 0.9),
        (lambda picture: as_jpeg(picture.resize((51, 51), Image.Resampling.BICUBIC), 50), 0.9),
    ],
)
def test_a_changed_copy_differs_in_at_most_three_bits(change, least):
    pictures = scenes(200)
    before, after = (near_hashes(squares(some)) for some in (pictures, [change(picture) for picture in pictures]))
    assert (bits_between(before, after) <= NEAR_BITS).mean() >= least


def test_different_pictures_share_no_hash():
    hashes = near_hashes(squares(scenes(600, seed=1)))
    assert (hashes != 0).all()
    assert all_pairs(hashes[:200], bits=NEAR_BITS + 3) == []
    pairs = near_pairs(hashes)
    assert pairs is not None
    assert len(pairs) == 0


def test_a_hash_is_the_signs_of_the_cosine_transform():
    pixels = squares([picture.resize((32, 32)) for picture in scenes(3, seed=2)])
    small = np.stack([np.asarray(picture.resize((32, 32))) for picture in scenes(3, seed=2)])
    assert pixels.shape[1] == SIDE  # of another size than the cells, to be told apart from
    grid = np.arange(32)
    slow = sorted(((u, v) for u in range(11) for v in range(11) if u + v), key=lambda at: (sum(at), at[0]))[:64]
    for image, found in zip(small, near_hashes(small).tolist(), strict=True):
        grey = image @ np.array([0.299, 0.587, 0.114])
        signs = [
            (grey * np.outer(np.cos(np.pi * u * (grid + 0.5) / 32), np.cos(np.pi * v * (grid + 0.5) / 32))).sum() > 0
            for u, v in slow
        ]
        expected = sum(1 << (63 - place) for place, sign in enumerate(signs) if sign)
        assert (expected ^ found).bit_count() <= 1  # a cosine of less than a quarter of a grey level counts as none


@pytest.mark.parametrize("size", [8, 31, 32, 33, 100])
def test_hashes_hardly_depend_on_the_size_that_an_image_is_decoded_to(size):
    pictures = scenes(50, seed=3)
    small = np.stack([np.asarray(picture.resize((size, size), Image.Resampling.BOX)) for picture in pictures])
    differ = bits_between(near_hashes(small), near_hashes(squares(pictures)))
    assert np.median(differ) <= (12 if size == 8 else 2)  # 8 x 8 pixels have no cosines beyond the eighth


def test_images_without_contrast_have_no_hash():
    flat = np.full((1, 16, 16, 3), 77, dtype=np.uint8)
    noisy = flat + np.random.default_rng(0).integers(0, 3, flat.shape, dtype=np.uint8)
    half = flat.copy()
    half[:, :, 8:] = 90
    assert [bool(near_hashes(images)[0]) for images in (flat, noisy, half)] == [False, False, True]


def test_symmetric_images_hash_alike_alone_and_among_others():
    ring = np.hypot(*np.meshgrid(np.arange(-15.5, 16), np.arange(-15.5, 16)))
    image = np.repeat((ring * 10).astype(np.uint8)[..., None], 3, axis=2)
    among = near_hashes([*squares([s.resize((32, 32)) for s in scenes(6)])[:, ::2, ::2], image, image])
    assert among[-1] == among[-2] == near_hashes([image])[0] != 0


def test_no_images_have_no_hashes():
    assert near_hashes([]).shape == (0,)


@given(n=st.integers(0, 60), seed=st.integers(0, 10_000), bits=st.integers(0, 3))
def test_the_search_finds_what_comparing_all_finds(n, seed, bits):
    hashes = crowded(n, seed)
    found = near_pairs(hashes, bits=bits)
    assert found is not None
    assert [(i, j) for i, j in found.tolist()] == all_pairs(hashes, bits=bits)


@given(n=st.integers(0, 40), m=st.integers(0, 40), seed=st.integers(0, 10_000))
def test_the_search_among_others_finds_what_comparing_all_finds(n, m, seed):
    both = crowded(n + m, seed)
    found = near_pairs(both[:n], both[n:])
    assert found is not None
    assert [(i, j) for i, j in found.tolist()] == all_pairs(both[:n], both[n:])


def test_only_pairs_that_differ_in_their_labels_are_found_if_that_is_asked():
    hashes, labels = crowded(80, 5), np.arange(80) % 2
    found = near_pairs(hashes, unlike=labels)
    assert found is not None
    assert len(found) > 5
    assert [(i, j) for i, j in found.tolist()] == [(i, j) for i, j in all_pairs(hashes) if labels[i] != labels[j]]


def test_samples_that_are_all_alike_are_not_compared():
    draw = np.random.default_rng(0)
    scene = np.full(3000, 0x0123456789ABCDEF, dtype=np.uint64)
    flickering = scene ^ (np.uint64(1) << draw.integers(0, 16, 3000).astype(np.uint64))
    assert near_pairs(flickering) is None
    assert near_pairs(flickering[:20]) is not None


def test_more_bits_than_bands_allow_are_refused():
    with pytest.raises(ValueError, match="bits is 4, expected 0 to 3"):
        near_pairs(crowded(3, 0), bits=4)


@pytest.mark.slow
def test_a_million_hashes_are_searched_in_seconds():
    hashes = np.random.default_rng(0).integers(1, 2**64, 1_000_000, dtype=np.uint64)
    hashes[::100_000] = hashes[1::100_000] ^ np.uint64(0x8000_0001_0000_0001)
    found = near_pairs(hashes)
    assert found is not None
    assert found.tolist() == [[i, i + 1] for i in range(0, 1_000_000, 100_000)]


def rows(n: int = 200, d: int = 6) -> Any:
    return np.random.default_rng(0).normal(50, 20, (n, d)).astype(np.float32)


def test_rows_are_equal_to_a_thousandth_of_a_deviation():
    values = rows()
    values[7], values[11] = values[3], values[5]
    values[7, 2] = np.nextafter(values[7, 2], np.float32(1e9))  # as text with fewer digits would have it
    values[11, 2] += 1.0
    hashes = near_row_hashes(values)
    assert hashes[7] == hashes[3]
    assert hashes[11] != hashes[5]
    assert len(set(hashes.tolist())) == 199


def test_columns_in_another_unit_leave_pairs_alone():
    values = rows()
    values[9] = values[2]
    for scaled in (values, values * np.array([1, 1000, 1, 0.001, 1, 7], dtype=np.float32) + 3):
        pairs = near_pairs(near_row_hashes(scaled))
        assert pairs is not None
        assert pairs.tolist() == [[2, 9]]


def test_rows_of_few_or_coarse_columns_have_no_hash():
    coarse = np.rint(rows(d=8) / 20)  # about ten values each: equal rows mean nothing
    assert not near_row_hashes(coarse).any()
    assert not near_row_hashes(rows(d=3)).any()
    assert near_row_hashes(np.hstack([coarse, rows(d=4)])).all()
    assert not near_row_hashes(rows(n=1)).any()
