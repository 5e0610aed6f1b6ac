"""Files as an enemy or an accident would leave them: seeded changes to bytes, JSON, arrays and tables."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

STRANGE: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    10**30,
    -(10**18),
    1e300,
    float("nan"),
    float("inf"),
    "",
    "x",
    "../..",
    "/etc/passwd",
    "~nobody-of-this-name",
    "a\0b",
    "\ud800",
    "\x1b[31m::error::##[error]",
    "x" * 5000,
    [],
    {},
    [[[]]],
    {"a": None},
    [None, 1, "x"],
    json.loads("[" * 300 + "]" * 300),
]


def mutate_bytes(data: bytes, draw: random.Random) -> bytes:
    """Return bytes with some flipped, cut out, doubled or put in; or something else altogether."""
    kind = draw.randrange(7)
    if kind == 0:
        return data[: draw.randrange(len(data) + 1)]
    if kind == 1:
        return draw.randbytes(draw.randrange(200))
    if kind == 2:
        start = draw.randrange(len(data) + 1)
        return data[:start] + draw.randbytes(draw.randrange(1, 40)) + data[start:]
    if kind == 3:
        start, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
        return data[:start] + data[end:]
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 8, 64]) if changed else 0):
        place = draw.randrange(len(changed))
        changed[place] = draw.choice([0, 255, changed[place] ^ (1 << draw.randrange(8)), draw.randrange(256)])
    return bytes(changed)


def mutate_json(value: Any, draw: random.Random) -> Any:
    """Return JSON with one value or key, anywhere, replaced or taken out."""
    places: list[tuple[Any, Any]] = []

    def walk(inner: Any) -> None:
        for key, item in inner.items() if isinstance(inner, dict) else enumerate(inner):
            places.append((inner, key))
            if isinstance(item, dict | list):
                walk(item)

    walk(value)
    inner, key = draw.choice(places)
    if draw.random() < 0.2:
        del inner[key]
    elif isinstance(inner, dict) and draw.random() < 0.1:
        inner[draw.choice(["x", "", "\0", "schema"])] = inner.pop(key)
    else:
        inner[key] = draw.choice(STRANGE)
    return draw.choice(STRANGE) if draw.random() < 0.02 else value


def mutate_arrays(data: bytes, draw: random.Random) -> bytes:
    """Return an .npz file with one array of another shape, type or value, or without it."""
    with np.load(io.BytesIO(data)) as stored:
        arrays = {name: stored[name] for name in stored.files}
    name = draw.choice(sorted(arrays))
    array = arrays[name]
    kinds: list[Callable[[], Any]] = [
        lambda: array[:-1] if array.ndim else np.array([1, 2]),
        lambda: array[None],
        lambda: array.ravel(),
        lambda: np.zeros((0, *array.shape[1:]), dtype=array.dtype),
        lambda: array.astype(np.float64),
        lambda: array.astype(np.int8),
        lambda: array.astype(str),
        lambda: array.astype(np.complex64),
        lambda: np.full(array.shape, np.nan),
        lambda: np.full(array.shape, np.inf, dtype=np.float32),
        lambda: np.full(array.shape, 2**31 - 1, dtype=np.int64),
        lambda: np.full(array.shape, -1, dtype=np.int64),
        lambda: np.concatenate([array, array]) if array.ndim else array,
    ]
    arrays[name] = draw.choice(kinds)()
    if draw.random() < 0.15:
        del arrays[name]
    buffer = io.BytesIO()
    (np.savez_compressed if draw.random() < 0.1 else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def mutate_parquet(data: bytes, draw: random.Random) -> bytes:
    """Return a Parquet file with one column gone, twice, of another type, or with other values."""
    table = pq.read_table(io.BytesIO(data))
    name = draw.choice(table.column_names)
    place, n = table.column_names.index(name), table.num_rows
    kind = table.schema.field(name).type
    columns: list[Callable[[], pa.Array]] = [
        lambda: pa.nulls(n, kind),
        lambda: pa.nulls(n),
        lambda: pa.array(range(n)),
        lambda: pa.array([draw.random() * 3 - 1 for _ in range(n)], pa.float32()),
        lambda: pa.array([float("nan")] * n, pa.float32()),
        lambda: pa.array(["x\x1b"] * n),
        lambda: pa.array([[1]] * n),
        lambda: pa.array([b"\xff\xfe"] * n),
        lambda: pa.array([2**62] * n),
        lambda: pa.array([draw.choice(["relabel", "keep", "drop", "unreadable", "", "mislabelled"]) for _ in range(n)]),
    ]
    metadata = table.schema.metadata
    if draw.random() < 0.15:
        table = table.remove_column(place)
    elif draw.random() < 0.1:
        table = table.append_column("another", table[name])
    elif draw.random() < 0.1:
        table = table.slice(0, draw.randrange(n))
    elif draw.random() < 0.1:
        table = table.take(pa.array([draw.randrange(n) for _ in range(n)]))
    else:
        column = draw.choice(columns)()
        table = table.set_column(place, pa.field(name, column.type), column)
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata if draw.random() < 0.95 else None), buffer)
    return buffer.getvalue()


def mutate_file(path: Path, draw: random.Random) -> str:
    """Change a file in a way that its kind allows, and say which file."""
    data = path.read_bytes() if path.exists() else b""
    if path.suffix == ".json" and draw.random() < 0.85:
        changed = json.dumps(mutate_json(json.loads(data), draw)).encode()
    elif path.suffix == ".npz" and draw.random() < 0.6:
        changed = mutate_arrays(data, draw)
    elif path.suffix == ".parquet" and draw.random() < 0.6:
        changed = mutate_parquet(data, draw)
    elif path.suffix == ".jsonl" and draw.random() < 0.7:
        lines = [json.loads(line) for line in data.splitlines()]
        changed = b"".join(json.dumps(mutate_json(line, draw)).encode() + b"\n" for line in lines)
    else:
        changed = mutate_bytes(data, draw)
    path.write_bytes(changed)
    return path.name
