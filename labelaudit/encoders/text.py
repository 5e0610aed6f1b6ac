"""Texts to vectors: what the dataset's own words say, and static vectors of word pieces where they are installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from labelaudit.core.errors import DataError
from labelaudit.core.installed import pip_install

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FloatND = NDArray[np.float32]  # (N, D)

_WORDS, _CHARACTERS = 256, 64  # dimensions of either
_SPELLING = 0.4  # length of the characters beside words of length 1: where words are told apart they say more
_MOST_TERMS = 100_000  # columns before they are reduced
_OWN_TERMS = 0.7  # length of the dataset's own terms beside static vectors of length 1; chosen with the news texts
_EVERYWHERE = 1e-3  # weight of a piece that every text has: so that no text is left without a vector
_BLOCK = 1024  # texts at a time
_WORDLLAMA_VECTORS = "weights/l2_supercat_256.safetensors"
_WORDLLAMA_TOKENS = "tokenizers/l2_supercat_tokenizer_config.json"


def tfidf_vectors(texts: Sequence[str], *, seed: int) -> FloatND:
    """Return (N, D) vectors of words with their neighbours, and of characters, each reduced to a few directions.

    Characters serve languages without blanks between words, and misspelt ones. Texts that share no term with any other
    get a vector of 0.

    Args:
        texts: (N,).
        seed: of the reduction.
    """
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2, max_features=_MOST_TERMS, dtype=np.float32)
    characters = TfidfVectorizer(
        analyzer="char_wb", sublinear_tf=True, ngram_range=(2, 4), min_df=2, max_features=_MOST_TERMS, dtype=np.float32
    )
    by_word, by_character = _reduced(words, texts, _WORDS, seed), _reduced(characters, texts, _CHARACTERS, seed)
    return np.concatenate([unit_length(by_word), _SPELLING * unit_length(by_character)], axis=1)


def static_vectors(texts: Sequence[str]) -> FloatND:
    """Return (N, 256) vectors of unit length: of the word pieces of each text, the rarer the more; 0 for an empty one.

    Each piece counts once in a text, by the logarithm of how few texts have it. The package wordllama is not imported:
    its `load` asks the network, and it sets up logging for the whole process.

    Raises:
        DataError: its files are missing or damaged.
    """
    spec = find_spec("wordllama")
    if spec is None or spec.origin is None:
        raise DataError("the package wordllama is not installed.", hint=pip_install("text"))
    table, tokenizer = _read(Path(spec.origin).parent)
    pieces = [np.unique(ids) for ids in _encoded(texts, tokenizer)]
    counts = np.bincount(np.concatenate([*pieces, np.zeros(0, np.int64)]), minlength=len(table))
    weights = np.log((len(texts) + 1) / (counts + 1)) + _EVERYWHERE
    found = np.zeros((len(texts), table.shape[1]), dtype=np.float32)
    for row, ids in enumerate(pieces):
        found[row] = weights[ids] @ table[ids]
    return unit_length(found)


def text_vectors(texts: Sequence[str], *, seed: int, static: bool) -> FloatND:
    """Return (N, D) vectors of texts: their own terms, beside static vectors of word pieces where there are any.

    Args:
        texts: (N,).
        seed: of the reduction.
        static: whether to ask `static_vectors`.
    """
    own = unit_length(tfidf_vectors(texts, seed=seed))
    return np.concatenate([static_vectors(texts), _OWN_TERMS * own], axis=1) if static else own


def unit_length(vectors: FloatND) -> FloatND:
    """Return (N, D) vectors of length 1; of 0 stay what they are."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


def _encoded(texts: Sequence[str], tokenizer: Tokenizer) -> Iterator[NDArray[np.int64]]:
    """Yield the positions of each text's word pieces."""
    for start in range(0, len(texts), _BLOCK):
        for encoded in tokenizer.encode_batch(list(texts[start : start + _BLOCK]), add_special_tokens=False):
            yield np.asarray(encoded.ids, dtype=np.int64)


def _read(folder: Path) -> tuple[FloatND, Tokenizer]:
    """Return the (V, 256) vectors of the word pieces, and what cuts a text into pieces."""
    from tokenizers import Tokenizer

    try:
        table = next(iter(load_file(folder / _WORDLLAMA_VECTORS).values())).astype(np.float32)
        tokenizer = Tokenizer.from_file(str(folder / _WORDLLAMA_TOKENS))
    except Exception as error:  # both libraries raise their own, and tokenizers bare Exception
        raise DataError(
            f"the word vectors in {folder} cannot be read: {error}.",
            hint="Install them again: pip install --force-reinstall wordllama",
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return table, tokenizer


def _reduced(vectorizer: TfidfVectorizer, texts: Sequence[str], count: int, seed: int) -> FloatND:
    """Return (N, at most count) principal directions of the terms' weights; none where no two texts share a term."""
    try:
        weights = vectorizer.fit_transform(texts)
    except ValueError:  # an empty vocabulary
        return np.zeros((len(texts), 0), dtype=np.float32)
    kept = min(count, min(weights.shape) - 1)
    if kept < 1:
        return np.zeros((len(texts), 0), dtype=np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):  # of the explained share, which nobody reads: texts all alike
        reduced = TruncatedSVD(kept, n_iter=3, random_state=seed).fit_transform(weights)
    return np.asarray(reduced, dtype=np.float32)
