"""Mutated tables of every kind: read, or refused with an error of the data; never a traceback, never without end."""

import csv
import io
import json
import random
import signal
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelaudit.core.errors import LabelAuditError
from labelaudit.core.recipe import DataSettings
from labelaudit.sources.read import read_dataset
from tests.mutations import mutate_bytes, mutate_json

MOST_SECONDS = 20
ROWS = [
    {"id": f"r{n}", "x": n * 0.5, "colour": ("red", "blue")[n % 2], "label": ("a", "b", "c")[n % 3]} for n in range(24)
]


def as_csv():
    text = io.StringIO()
    writer = csv.DictWriter(text, ROWS[0])
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue().encode()


def as_parquet():
    buffer = io.BytesIO()
    features = {"label": {"_type": "ClassLabel", "names": ["a", "b", "c"]}}
    table = pa.Table.from_pylist(ROWS).replace_schema_metadata(
        {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    )
    pq.write_table(table, buffer)
    return buffer.getvalue()


def as_arrow():
    buffer = io.BytesIO()
    table = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_file(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def as_npz():
    buffer = io.BytesIO()
    np.savez(buffer, x=np.array([row["x"] for row in ROWS]), label=np.array([row["label"] for row in ROWS]))
    return buffer.getvalue()


def as_jsonl(draw=None):
    rows = json.loads(json.dumps(ROWS))
    rows = mutate_json(rows, draw) if draw else rows
    return "\n".join(json.dumps(row) for row in rows).encode() if isinstance(rows, list) else json.dumps(rows).encode()


KINDS = {".csv": as_csv, ".tsv": as_csv, ".txt": as_csv, ".parquet": as_parquet, ".arrow": as_arrow, ".npz": as_npz}
KINDS |= {".jsonl": as_jsonl, ".json": as_jsonl}


def read_mutated(folder, seed):
    """Write a mutated table and read it; whatever is no error of ours is raised."""
    draw = random.Random(seed)
    suffix = draw.choice(sorted(KINDS))
    data = as_jsonl(draw) if "json" in suffix and draw.random() < 0.6 else KINDS[suffix]()
    path = folder / f"t{suffix}"
    path.write_bytes(data if data != KINDS[suffix]() and draw.random() < 0.7 else mutate_bytes(data, draw))
    settings = draw.choice([{}, {"label_column": "label"}, {"id_column": "id"}, {"path_template": "{id}.png"}])

    def stop(signum, frame):
        raise TimeoutError(f"seed {seed}")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(MOST_SECONDS)
    try:
        dataset = read_dataset(path, DataSettings(**cast("dict[str, Any]", settings)))
        return len(dataset)
    except LabelAuditError:
        return 0
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_mutated_tables_are_read_or_refused(tmp_path):
    found = [read_mutated(tmp_path, seed) for seed in range(400)]
    assert 0 < sum(n == 0 for n in found) < 400  # some are still tables, and some are not
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"t{suffix}" for suffix in KINDS)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_many_mutated_tables_are_read_or_refused(tmp_path):
    for seed in range(10_000, 14_000):
        read_mutated(tmp_path, seed)
