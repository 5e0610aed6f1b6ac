"""Near duplicates: 64 bits of each sample that small changes leave alone, and the pairs that nearly share them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.arrays import FloatND, IntN

HashN = NDArray[np.uint64]  # (N,) 0 = none: there is too little in the sample to tell it from others
PairsP = NDArray[np.int64]  # (P, 2)

NEAR_BITS = 3  # that may differ; how it was chosen: docs/reference/check.md
_BANDS, _BAND_BITS = 4, 16  # one band more than bits that differ: at least one is equal in both
_MOST_CANDIDATES = 1000  # per sample; photographs have about 50 among a million, pictures of one scene all of them
_GRID = 32  # cells of a side that brightness is averaged over
_FREQUENCIES = 11  # of each direction: enough for 64 cosines without the mean
_LEAST_CONTRAST = 2.0  # standard deviation in grey levels; below it the signs are those of noise
_LEAST_COSINE = 0.25  # grey levels times 32: symmetric pictures have cosines of 0 but for rounding
_BRIGHTNESS = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
_BLOCK_PIXELS = 2**20  # that are looked at together
_ROW_STEP = 1e-3  # standard deviations to which the values of a row are rounded
_LEAST_COLUMNS = 4  # columns of many values that a row needs; chance makes rows of fewer equal
_MOST_EQUAL = 0.01  # probability that two rows agree in a column of many values
_STATISTICS_SAMPLE = 10_000  # rows


def near_hashes(images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> HashN:
    """Return (N,) the signs of the 64 slowest cosines of each image's brightness.

    Args:
        images: (N, S, S, 3), or a sequence of N such squares.

    Source:
        Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions", the DCT based hash.
        Deviation: signs in place of a comparison with the median, and the slowest cosines in place of a square of them.
    """
    if not len(images):
        return np.empty(0, dtype=np.uint64)
    size = len(images[0])
    step = max(1, _BLOCK_PIXELS // size**2)
    return np.concatenate([_hashes(np.asarray(images[at : at + step])) for at in range(0, len(images), step)])


def near_row_hashes(values: FloatND) -> HashN:
    """Return (N,) hashes that are equal for rows with equal values to a thousandth of a column's standard deviation.

    Rows have none where fewer than four columns hold many different values: chance would make them equal.

    Args:
        values: (N, D) finite.
    """
    weights = np.random.default_rng(0).integers(0, 2**64, size=(values.shape[1],), dtype=np.uint64)
    hashes = np.zeros(len(values), dtype=np.uint64)
    many = 0  # columns of many values
    for column, weight in zip(values.T, weights, strict=True):  # one by one: embeddings are large
        exact = column.astype(np.float64)
        deviation = exact.std()
        if deviation > 0:
            steps = np.rint((exact - exact.mean()) / (deviation * _ROW_STEP)).astype(np.int64)
            many += _chance_of_equals(steps[:: max(1, len(steps) // _STATISTICS_SAMPLE)]) < _MOST_EQUAL
            hashes = _mixed(hashes ^ (steps.view(np.uint64) * weight))  # wraps around at 64 bits, as hashes do
    return hashes if many >= _LEAST_COLUMNS else np.zeros_like(hashes)


def near_pairs(
    hashes: HashN, others: HashN | None = None, *, unlike: IntN | None = None, bits: int = NEAR_BITS
) -> PairsP | None:
    """Return every pair (row of `hashes`, row of `others`) that differs in a few bits, in order.

    None says that so many hashes share bits that the samples are alike by nature, and near duplicates mean nothing.

    Args:
        hashes: (N,).
        others: (M,); None = the hashes themselves, each pair once, the smaller row first.
        unlike: (N,) only pairs that differ in this; without `others`.
        bits: 0 to 3.
    """
    if not 0 <= bits < _BANDS:
        raise ValueError(f"bits is {bits}, expected 0 to {_BANDS - 1}")
    left_rows = np.flatnonzero(hashes)
    right_rows = left_rows if others is None else np.flatnonzero(others)
    left, right = hashes[left_rows], (hashes if others is None else others)[right_rows]
    most = _MOST_CANDIDATES * max(len(left), len(right), _MOST_CANDIDATES)
    found = [np.empty((0, 2), dtype=np.int64)]
    for shift in range(0, _BANDS * _BAND_BITS, _BAND_BITS):
        spans = _spans(_band(left, shift), None if others is None else _band(right, shift))
        most -= int((spans[2] - spans[1]).sum())
        if most < 0:
            return None
        for rows, partners in _candidates(*spans):
            close = _differ_in(left[rows] ^ right[partners], bits)
            pairs = np.stack([left_rows[rows[close]], right_rows[partners[close]]], axis=1)
            found.append(pairs if unlike is None else pairs[unlike[pairs[:, 0]] != unlike[pairs[:, 1]]])
    every = np.concatenate(found)
    return np.unique(every if others is not None else np.sort(every, axis=1), axis=0)


_Spans = tuple[IntN, IntN, IntN, IntN]  # (n,) rows, (n,) first and (n,) end of their candidates in (m,) an order


def _spans(left: NDArray[np.uint16], right: NDArray[np.uint16] | None) -> _Spans:
    """Return where each row's candidates are: the others with an equal band."""
    values = left if right is None else right
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    if right is None:  # those behind it, so that a pair comes once
        return order, np.arange(1, len(order) + 1), np.searchsorted(ordered, ordered, side="right"), order
    first, end = (np.searchsorted(ordered, left, side=side) for side in ("left", "right"))
    return np.arange(len(left)), first, end, order


def _candidates(rows: IntN, at: IntN, end: IntN, order: IntN) -> Iterator[tuple[IntN, IntN]]:
    """Yield (rows, their next candidates) until no row has any."""
    while len(rows):
        left = at < end
        rows, at, end = rows[left], at[left], end[left]
        yield rows, order[at]
        at = at + 1


def _band(hashes: HashN, shift: int) -> NDArray[np.uint16]:
    return ((hashes >> np.uint64(shift)) & np.uint64(2**_BAND_BITS - 1)).astype(np.uint16)


def _differ_in(different: HashN, bits: int) -> NDArray[np.bool_]:
    """Return which numbers have at most so many bits; np.bitwise_count came with numpy 2."""
    for _ in range(bits):
        different = different & (different - np.uint64(1))  # without its lowest bit; 0 - 1 wraps, and 0 stays 0
    return np.asarray(different == 0, dtype=np.bool_)


def _hashes(pixels: NDArray[np.uint8]) -> HashN:
    projection = _projection(pixels.shape[1])
    brightness = pixels.astype(np.float32) @ _BRIGHTNESS  # (B, S, S)
    cosines = projection @ brightness @ projection.T  # (B, 11, 11)
    slowest = cosines.reshape(len(pixels), -1)[:, _slowest()]  # (B, 64)
    signs = np.packbits(slowest > _LEAST_COSINE, axis=1)  # (B, 8)
    packed = np.ascontiguousarray(signs).view(np.dtype(">u8")).ravel().astype(np.uint64)
    contrast = np.sqrt((slowest**2).sum(axis=1)) / _GRID
    return np.where(contrast < _LEAST_CONTRAST, np.uint64(0), packed)


@cache
def _projection(size: int) -> NDArray[np.float32]:
    """Return (11, S) what makes pixels of a side the slowest cosines of 32 cells of equal area."""
    edges, cells = np.arange(size + 1), np.linspace(0, size, _GRID + 1)
    overlap = np.minimum(cells[1:, None], edges[None, 1:]) - np.maximum(cells[:-1, None], edges[None, :-1])
    means = np.maximum(overlap, 0.0) * (_GRID / size)  # (32, S)
    angles = np.pi * np.outer(np.arange(_FREQUENCIES), np.arange(_GRID) + 0.5) / _GRID
    cosines = np.cos(angles) * np.sqrt(2 / _GRID)
    cosines[0] /= np.sqrt(2)  # now orthonormal
    projection: NDArray[np.float32] = (cosines @ means).astype(np.float32)
    return projection


@cache
def _slowest() -> IntN:
    """Return (64,) positions among 11 x 11 frequencies, the slowest first, without the mean."""
    down, across = np.divmod(np.arange(_FREQUENCIES**2), _FREQUENCIES)
    return np.lexsort((down, down + across))[1 : _BANDS * _BAND_BITS + 1].astype(np.int64)


def _chance_of_equals(column: IntN) -> float:
    """Return the probability that two rows drawn from a sample have one value, 1 for a single row."""
    n = len(column)
    counts = np.unique(column, return_counts=True)[1].astype(np.float64)
    return float((counts * (counts - 1)).sum() / (n * (n - 1))) if n > 1 else 1.0


def _mixed(numbers: HashN) -> HashN:
    """Return numbers whose every bit hangs on every bit of what came in.

    Source: the finaliser of MurmurHash3, fmix64, by Austin Appleby (public domain).
    """
    for factor in (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)):
        numbers = (numbers ^ (numbers >> np.uint64(33))) * factor
    return numbers ^ (numbers >> np.uint64(33))
