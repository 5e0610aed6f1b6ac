import socket
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from labelaudit.core.errors import DataError
from labelaudit.core.installed import pip_install
from labelaudit.encoders import text as module
from labelaudit.encoders.text import static_vectors, text_vectors, tfidf_vectors, unit_length

TEXTS = [
    "the striker scored two goals in the final match",
    "a late goal won the match for the home team",
    "the team lost the final after extra time",
    "shares fell as the bank cut its profit forecast",
    "the bank raised interest rates and markets fell",
    "profit rose and the company paid its shares more",
    "",
]


def _closest(vectors):
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    return cosines[:6].argmax(1) // 3


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("something asked the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.mark.parametrize("static", [False, True])
def test_texts_of_a_kind_are_close_without_any_network(static, offline):
    if static and not (find_spec("wordllama") and find_spec("tokenizers")):
        pytest.skip("the extra text is not installed")
    vectors = text_vectors(TEXTS, seed=0, static=static)
    assert (_closest(unit_length(vectors)) == [0, 0, 0, 1, 1, 1]).sum() >= 5
    assert np.isfinite(vectors).all()
    assert np.array_equal(vectors[6], np.zeros(vectors.shape[1]))


def test_a_static_vector_is_the_weighted_sum_of_its_pieces(monkeypatch):
    class Encoded:
        def __init__(self, ids):
            self.ids = ids

    class Words:
        def encode_batch(self, texts, add_special_tokens):
            assert not add_special_tokens
            return [Encoded([int(word) for word in text.split()]) for text in texts]

    table = np.eye(3, dtype=np.float32)
    monkeypatch.setattr(module, "find_spec", lambda _name: type("Spec", (), {"origin": "wordllama/__init__.py"}))
    monkeypatch.setattr(module, "_read", lambda _folder: (table, Words()))
    vectors = static_vectors(["0 1 1 1", "0 2", "0", ""])
    every, rare = np.log(5 / 4) + 1e-3, np.log(5 / 2) + 1e-3
    expected = np.array([[every, rare, 0], [every, 0, rare], [1, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(vectors, unit_length(expected.astype(np.float32)), rtol=1e-5)


def test_the_same_texts_give_the_same_vectors():
    assert np.array_equal(tfidf_vectors(TEXTS, seed=0), tfidf_vectors(TEXTS, seed=0))


def test_texts_without_a_common_term_give_no_columns_or_zeros():
    assert text_vectors(["xyz", "abc"], seed=0, static=False).shape[0] == 2
    assert not tfidf_vectors(["", "", ""], seed=0).any()


def test_languages_without_blanks_are_told_by_their_characters():
    texts = ["银行利率上升", "银行利率下降", "球队赢得比赛", "球队输掉比赛"] * 3
    cosines = (lambda v: v @ v.T)(unit_length(tfidf_vectors(texts, seed=0)))
    assert cosines[0, 1] > cosines[0, 2]
    assert cosines[2, 3] > cosines[1, 2]


def test_missing_or_damaged_vectors_say_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(DataError, match="the package wordllama is not installed") as caught:
        static_vectors(TEXTS)
    assert caught.value.hint == pip_install("text")
    pytest.importorskip("tokenizers")
    monkeypatch.setattr(module, "find_spec", lambda _name: type("Spec", (), {"origin": str(tmp_path / "__init__.py")}))
    with pytest.raises(DataError, match=r"the word vectors in .* cannot be read"):
        static_vectors(TEXTS)


def test_the_package_with_the_vectors_is_never_imported(offline):
    if not (find_spec("wordllama") and find_spec("tokenizers")):
        pytest.skip("the extra text is not installed")
    sys.modules.pop("wordllama", None)
    static_vectors(TEXTS)
    assert "wordllama" not in sys.modules
