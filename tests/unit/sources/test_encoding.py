"""Table columns as inputs, beside scikit-learn, and for rows that come later."""

from __future__ import annotations

import json

import numpy as np
import pytest

from labelaudit.core.model_facts import ColumnFacts, ModelFacts, model_facts_from_dict
from labelaudit.sources.encoding import Column, encode_columns, learn_columns


def some_columns(n=260, seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(5, 3, n)
    numbers[::9] = np.nan
    words = rng.choice(["red", "blue", "green"], n).astype(object)
    words[::7] = None
    words[:2] = ["mauve", "teal"]  # one row of each: rare
    return {
        "colour": Column(words, is_number=False),
        "length": Column(numbers, is_number=True),
        "one": Column(np.full(n, 4.0), is_number=True),
    }


def by_scikit_learn(columns):
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    n = len(next(iter(columns.values())).values)
    names = list(columns)
    one_hot = OneHotEncoder(handle_unknown="ignore", min_frequency=max(1, n // 100), sparse_output=False)
    frequent = SimpleImputer(strategy="most_frequent", missing_values=None)
    encoder = ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
                [i for i, name in enumerate(names) if columns[name].is_number],
            ),
            (
                "words",
                make_pipeline(frequent, one_hot),
                [i for i, name in enumerate(names) if not columns[name].is_number],
            ),
        ]
    )
    stacked = np.empty((n, len(names)), dtype=object)
    for position, name in enumerate(names):
        stacked[:, position] = columns[name].values
    return np.asarray(encoder.fit_transform(stacked), dtype=np.float32)


def test_the_inputs_are_those_of_scikit_learn():
    columns = some_columns()
    values = encode_columns(columns, learn_columns(columns))
    assert values.dtype == np.float32
    assert values.shape == (260, 2 + 4)  # length, one; blue, green, red, and the rare ones together
    assert values == pytest.approx(by_scikit_learn(columns), abs=1e-6)


def test_later_rows_are_encoded_as_the_first_ones_were():
    columns = some_columns()
    facts = learn_columns(columns)
    whole = encode_columns(columns, facts)
    part = {name: Column(column.values[40:60], column.is_number) for name, column in columns.items()}
    assert np.array_equal(encode_columns(part, facts), whole[40:60])


def test_a_category_never_seen_counts_as_rare_and_as_nothing_where_none_was_rare():
    fact = ColumnFacts("c", is_number=False, categories=("a", "b"), most_frequent="b", pools_rare=True)
    column = {"c": Column(np.array(["a", "new", None], dtype=object), is_number=False)}
    assert encode_columns(column, [fact]).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    without = ColumnFacts("c", is_number=False, categories=("a", "b"), most_frequent="b")
    assert encode_columns(column, [without]).tolist() == [[1, 0], [0, 0], [0, 1]]


def test_facts_of_a_model_survive_json_exactly():
    facts = ModelFacts(
        classes=("none", "b"),
        kind="features",
        backbone="mlp",
        networks=2,
        n_inputs=6,
        columns=learn_columns(some_columns()),
        recipe={"name": "fast", "options": {"at": [1, 2]}},
        metrics={"test": {"accuracy": 0.5}},
    )
    assert model_facts_from_dict(json.loads(json.dumps(facts.to_dict())), source="m") == facts
