"""Texts to vectors: what the dataset's own words say, and static vectors of word pieces where they are installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from labelaudit.core.errors import DataError

FloatND = NDArray[np.float32]  # (N, D)

_WORDS, _CHARACTERS = 192, 64  # dimensions of either; chosen with the news texts and 20 newsgroups
_MOST_TERMS = 100_000  # columns before they are reduced
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
    parts = [_reduced(words, texts, _WORDS, seed), _reduced(characters, texts, _CHARACTERS, seed)]
    return np.concatenate(parts, axis=1)


def static_vectors(texts: Sequence[str]) -> FloatND:
    """Return (N, 256) means of the vectors of each text's word pieces; 0 for an empty text.

    The package wordllama is not imported: its `load` asks the network, and it sets up logging for the whole process.

    Raises:
        DataError: its files are missing or damaged.
    """
    spec = find_spec("wordllama")
    if spec is None or spec.origin is None:
        raise DataError("the package wordllama is not installed.", hint="pip install 'labelaudit[text]'")
    return _pooled(texts, Path(spec.origin).parent)


def _pooled(texts: Sequence[str], folder: Path) -> FloatND:
    from tokenizers import Tokenizer  # noqa: PLC0415 - an extra

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
    found = np.zeros((len(texts), table.shape[1]), dtype=np.float32)
    for start in range(0, len(texts), _BLOCK):
        for row, encoded in enumerate(
            tokenizer.encode_batch(list(texts[start : start + _BLOCK]), add_special_tokens=False), start
        ):
            if encoded.ids:
                found[row] = table[encoded.ids].mean(axis=0)
    return found


def _reduced(vectorizer: TfidfVectorizer, texts: Sequence[str], count: int, seed: int) -> FloatND:
    """Return (N, at most count) principal directions of the terms' weights; none where no two texts share a term."""
    try:
        weights = vectorizer.fit_transform(texts)
    except ValueError:  # an empty vocabulary
        return np.zeros((len(texts), 0), dtype=np.float32)
    kept = min(count, min(weights.shape) - 1)
    if kept < 1:
        return np.zeros((len(texts), 0), dtype=np.float32)
    return np.asarray(TruncatedSVD(kept, n_iter=3, random_state=seed).fit_transform(weights), dtype=np.float32)
