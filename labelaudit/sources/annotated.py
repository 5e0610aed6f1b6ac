"""Tables that hold the answers of several people: one row an answer, or one column a person.

They become a table with one row a sample, whose label is what the answers add up to.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from labelaudit.core.annotators import Annotator, Annotators
from labelaudit.core.arrays import IntN
from labelaudit.core.arrays import Table as FloatTable
from labelaudit.core.dataset import Dataset, Probabilities, Remark
from labelaudit.core.errors import ConfigError, DataError, count, did_you_mean, shorten
from labelaudit.core.recipe import DataSettings
from labelaudit.functional.annotators import Consensus, Votes, find_consensus
from labelaudit.sources.cells import cell_texts, label_texts
from labelaudit.sources.columns import Roles, find_roles
from labelaudit.sources.labels import class_order
from labelaudit.sources.table_file import Table

_LABEL = "consensus"  # column of a table that had one column a person


@dataclass(frozen=True, slots=True)
class Answers:
    """Who said what of which sample."""

    votes: Votes
    persons: tuple[str, ...]  # (P,)
    classes: tuple[str, ...]  # (C,)


def has_annotators(settings: DataSettings) -> bool:
    """Return whether the settings name who answered."""
    return settings.annotator_column is not None or settings.annotator_columns is not None


def with_consensus(table: Table, settings: DataSettings) -> tuple[Table, DataSettings, Answers]:
    """Return a table with one row a sample and its consensus as label, how to read it, and the answers.

    Args:
        table: of answers.
        settings: name the column of people, or a column for each of them.

    Raises:
        ConfigError: a column does not exist, or none says which sample a row is about.
        DataError: nobody answered anything.
    """
    read = _one_row_an_answer if settings.annotator_column is not None else _one_column_a_person
    short, label, answers = read(table, settings)
    if not len(answers.votes.label):
        raise DataError(f"{table.source}: there is no answer in any row.", hint="Name the column with --label-column.")
    found = find_consensus(answers.votes)
    voted = np.bincount(answers.votes.sample, minlength=answers.votes.n_samples) > 0
    texts = [answers.classes[label] if is_voted else None for label, is_voted in zip(found.label, voted, strict=True)]
    columns = {**short.columns, label: pa.chunked_array([pa.array(texts, pa.string())])}
    plain = dataclasses.replace(settings, label_column=label, annotator_column=None, annotator_columns=None)
    return dataclasses.replace(short, columns=columns), plain, answers


def described(dataset: Dataset, answers: Answers, rows: IntN) -> Dataset:
    """Return a dataset with what the answers say of the people; given probabilities have a say in the labels.

    Args:
        dataset: N samples.
        answers: of people.
        rows: (N,) the row of each sample, as the answers count them.
    """
    place = np.full(answers.votes.n_samples, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    kept = place[answers.votes.sample] >= 0
    names = {name: at for at, name in enumerate(dataset.classes)}
    code = np.array([names[name] for name in answers.classes], dtype=np.int64)
    votes = Votes(
        place[answers.votes.sample[kept]],
        answers.votes.person[kept],
        code[answers.votes.label[kept]],
        len(dataset),
        len(answers.persons),
        dataset.n_classes,
    )
    found = find_consensus(votes, model=_model(dataset))
    annotators = _annotators(found, votes, answers.persons, dataset.sample_ids)
    return dataclasses.replace(
        dataset, given=found.label, annotators=annotators, remarks=(*dataset.remarks, *_remarks(annotators, dataset))
    )


def _one_row_an_answer(table: Table, settings: DataSettings) -> tuple[Table, str, Answers]:
    who = settings.annotator_column
    assert who is not None
    _require_columns(table, [who], "--annotator-column")
    others = dataclasses.replace(table, columns={name: c for name, c in table.columns.items() if name != who})
    roles = find_roles(others, settings)
    key = _key(others, roles)
    keys, people, labels = (
        cell_texts(table.columns[key]),
        cell_texts(table.columns[who]),
        label_texts(table, roles.label),
    )
    first: dict[str | None, int] = {}
    for row, text in enumerate(keys):
        first.setdefault(text, row)
    place = {text: at for at, text in enumerate(first)}
    said = [
        (place[text], person, label)
        for text, person, label in zip(keys, people, labels, strict=True)
        if label is not None and person is not None
    ]
    rows = np.array(list(first.values()), dtype=np.int64)
    dropped = {who, *([roles.sample_id] if roles.sample_id not in (None, key) else [])}
    columns = {name: column.take(rows) for name, column in others.columns.items() if name not in dropped}
    short = dataclasses.replace(
        table,
        columns=columns,
        lines=table.lines[rows],
        shard_names=None if table.shard_names is None else tuple(table.shard_names[row] for row in rows),
    )
    return short, roles.label, _answers(said, len(rows))


def _one_column_a_person(table: Table, settings: DataSettings) -> tuple[Table, str, Answers]:
    named = [name.strip() for name in (settings.annotator_columns or "").split(",")]
    _require_columns(table, named, "--annotator-columns")
    if len(named) < 2:
        raise ConfigError(f"--annotator-columns {named[0]}: one person needs no consensus.", hint="Use --label-column.")
    said = [
        (row, name, label) for name in named for row, label in enumerate(label_texts(table, name)) if label is not None
    ]
    columns = {name: column for name, column in table.columns.items() if name not in named}
    return dataclasses.replace(table, columns=columns), _LABEL, _answers(said, len(table))


def _answers(said: Sequence[tuple[int, str, str]], n_samples: int) -> Answers:
    persons, classes = sorted({person for _, person, _ in said}), class_order({label for *_, label in said})
    person_at, class_at = ({name: at for at, name in enumerate(names)} for names in (persons, classes))
    votes = Votes(
        np.array([sample for sample, *_ in said], dtype=np.int64),
        np.array([person_at[person] for _, person, _ in said], dtype=np.int64),
        np.array([class_at[label] for *_, label in said], dtype=np.int64),
        n_samples,
        len(persons),
        len(classes),
    )
    return Answers(votes, tuple(persons), tuple(classes))


def _key(table: Table, roles: Roles) -> str:
    """Return the column that says which sample a row is about: the one that names some sample more than once."""
    candidates = [name for name in (roles.sample_id, roles.path) if name is not None]
    for name in candidates:
        texts = cell_texts(table.columns[name])
        if len(set(texts)) < len(texts):
            return name
    if not candidates:
        raise ConfigError(
            f"{table.source}: no column says which sample a row is about; columns: {', '.join(table.columns)}.",
            hint="Name it with --id-column or --path-column.",
        )
    return candidates[0]


def _require_columns(table: Table, names: Sequence[str], option: str) -> None:
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise ConfigError(
            f"{table.source}: {option} {shorten(map(repr, missing))}: there is no such column;"
            f" columns: {', '.join(table.columns)}.",
            hint=did_you_mean(missing[0], table.columns),
        )


def _model(dataset: Dataset) -> FloatTable | None:
    """Return given probabilities, where there are any."""
    return dataset.content.values.astype(np.float64) if isinstance(dataset.content, Probabilities) else None


def _annotators(found: Consensus, votes: Votes, persons: Sequence[str], ids: Sequence[str]) -> Annotators:
    people = [
        Annotator(name, person.answers, person.accuracy, person.low, person.high)
        for name, person in zip(persons, found.persons, strict=True)
        if person.answers
    ]
    doubtful = np.argsort(np.round(found.quality, 9), kind="stable")[: int(found.look_again.sum())]
    return Annotators(
        persons=tuple(sorted(people, key=lambda person: (person.accuracy, person.name))),
        answers=len(votes.label),
        agreement=None if np.isnan(found.agreement) else found.agreement,
        look_again=tuple(ids[at] for at in doubtful.tolist()),
        model_weight=found.model_weight,
    )


def _remarks(annotators: Annotators, dataset: Dataset) -> list[Remark]:
    people = count(len(annotators.persons), "person", "people")
    agree = "" if annotators.agreement is None else f", who agree in {annotators.agreement:.0%} of pairs of answers"
    text = f"Labels are what {count(annotators.answers, 'answer')} of {people} add up to{agree}".replace("%", " %")
    again = f"; {count(len(annotators.look_again), 'sample')} of {len(dataset):,} need another look."
    return [Remark("note", text + again)]
