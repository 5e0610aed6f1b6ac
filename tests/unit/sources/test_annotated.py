"""Tables that hold the answers of several people."""

from __future__ import annotations

import numpy as np
import pytest

from labelaudit.core.dataset import Vectors
from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import DataSettings, from_dict
from labelaudit.sources.read import read_dataset

PEOPLE = {"ann": 0.97, "bob": 0.95, "cy": 0.55, "dee": 0.5}
CLASSES = ("cat", "dog", "fox")


def answered(*, n=200, each=3, seed=0):
    """Return true labels, and (sample, person, label) of people who are right as often as PEOPLE says."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 3, n)
    said = []
    for sample in range(n):
        for person in rng.permutation(list(PEOPLE))[:each]:
            is_right = rng.random() < PEOPLE[person]
            label = true[sample] if is_right else (true[sample] + rng.integers(1, 3)) % 3
            said.append((sample, str(person), CLASSES[label]))
    return np.array(CLASSES)[true], said


def rows(root, said):
    lines = [f"s{sample},{sample / 7:.3f},{person},{label}" for sample, person, label in said]
    (root / "answers.csv").write_text("item,x,worker,label\n" + "\n".join(lines) + "\n")
    return root / "answers.csv"


def columns(root, said, n):
    cells = {(sample, person): label for sample, person, label in said}
    lines = [",".join([f"s{s}", f"{s / 7:.3f}", *[cells.get((s, p), "") for p in PEOPLE]]) for s in range(n)]
    (root / "people.csv").write_text(f"id,x,{','.join(PEOPLE)}\n" + "\n".join(lines) + "\n")
    return root / "people.csv"


def values(dataset):
    assert isinstance(dataset.content, Vectors)
    return dataset.content.values


def annotators(dataset):
    assert dataset.annotators is not None
    return dataset.annotators


def labels(dataset):
    return {name: dataset.classes[label] for name, label in zip(dataset.sample_ids, dataset.given, strict=True)}


def test_one_row_an_answer_becomes_one_row_a_sample_with_the_consensus(tmp_path):
    true, said = answered()
    dataset = read_dataset(rows(tmp_path, said), DataSettings(annotator_column="worker", id_column="item"))
    assert len(dataset) == 200
    assert dataset.kind == "features"
    assert values(dataset).shape == (200, 1)  # x alone: who answered is no feature
    right = np.mean([labels(dataset)[f"s{sample}"] == true[sample] for sample in range(200)])
    majority = np.mean([most_often(said, sample) == true[sample] for sample in range(200)])
    assert right > max(0.93, majority)


def most_often(said, sample):
    named = [label for at, _, label in said if at == sample]
    return max(sorted(set(named)), key=named.count)


def test_one_column_a_person_says_the_same(tmp_path):
    _, said = answered()
    by_row = read_dataset(rows(tmp_path, said), DataSettings(annotator_column="worker", id_column="item"))
    by_column = read_dataset(columns(tmp_path, said, 200), DataSettings(annotator_columns="ann, bob,cy,dee"))
    assert labels(by_row) == labels(by_column)
    assert by_row.annotators == by_column.annotators
    assert values(by_column).shape == (200, 1)


def test_people_are_told_with_their_accuracy_the_worst_first(tmp_path):
    _, said = answered()
    found = read_dataset(rows(tmp_path, said), DataSettings(annotator_column="worker", id_column="item"))
    people = annotators(found).persons
    assert {person.name for person in people[:2]} == {"cy", "dee"}
    assert sum(person.answers for person in people) == annotators(found).answers == 600
    for person in people:
        assert person.low <= person.accuracy <= person.high
        assert person.accuracy == pytest.approx(PEOPLE[person.name], abs=0.1)
    text = found.remarks[-1].text
    assert text.startswith("Labels are what 600 answers of 4 people add up to, who agree in ")
    assert text.endswith(f"; {len(annotators(found).look_again)} samples of 200 need another look.")
    assert 0 < len(annotators(found).look_again) < 60


def test_samples_to_look_at_again_are_more_often_wrong(tmp_path):
    true, said = answered(n=400)
    found = read_dataset(rows(tmp_path, said), DataSettings(annotator_column="worker", id_column="item"))
    wrong = {name for name, label in labels(found).items() if label != true[int(name[1:])]}
    again = set(annotators(found).look_again)
    assert len(wrong & again) / len(again) > 3 * len(wrong - again) / (400 - len(again))


def test_a_sample_that_nobody_answered_is_put_aside(tmp_path):
    _, said = answered(n=50)
    said = [(s, p, "" if s == 7 else label) for s, p, label in said]
    found = read_dataset(rows(tmp_path, said), DataSettings(annotator_column="worker", id_column="item"))
    assert len(found) == 49
    assert [row.issue for row in found.set_aside] == ["missing-label"]


def test_given_probabilities_have_a_say_in_the_consensus(tmp_path):
    true, said = answered(n=300, each=2)
    code = np.array([CLASSES.index(label) for label in true])
    logits = np.random.default_rng(1).normal(size=(300, 3))
    logits[np.arange(300), code] += 5
    np.save(tmp_path / "probs.npy", np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    source, settings = rows(tmp_path, said), {"annotator_column": "worker", "id_column": "item"}
    alone = read_dataset(source, from_dict(DataSettings, settings, prefix="data."))
    helped = read_dataset(
        source, from_dict(DataSettings, settings | {"probs": str(tmp_path / "probs.npy")}, prefix="data.")
    )

    def right(dataset):
        return np.mean([label == true[int(name[1:])] for name, label in labels(dataset).items()])

    assert helped.kind == "probs"
    assert annotators(helped).model_weight > 0.5
    assert right(helped) > right(alone) + 0.03


def test_columns_that_do_not_exist_are_named(tmp_path):
    _, said = answered(n=5)
    source = rows(tmp_path, said)
    with pytest.raises(ConfigError, match=r"--annotator-column 'wroker': there is no such column; columns: item, x"):
        read_dataset(source, DataSettings(annotator_column="wroker"))
    with pytest.raises(ConfigError, match=r"no column says which sample a row is about; columns: item, x, label\."):
        read_dataset(source, DataSettings(annotator_column="worker"))
    with pytest.raises(ConfigError, match=r"--annotator-columns ann: one person needs no consensus\."):
        read_dataset(columns(tmp_path, said, 5), DataSettings(annotator_columns="ann"))
    with pytest.raises(ConfigError, match=r"data\.annotator_columns"):
        DataSettings(annotator_column="a", annotator_columns="b,c")
