import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from labelaudit.core.dataset import Dataset, ImageFiles
from labelaudit.core.errors import DataError
from labelaudit.core.findings import (
    SCHEMA,
    Action,
    Issue,
    read_findings,
    suspects,
    validate_findings,
    write_findings,
)
from tests.pets import CLASSES, SAMPLES, SET_ASIDE, small_dataset, small_findings


def test_findings_keep_dataset_order_with_rows_set_aside_at_the_end():
    frame = small_findings()
    assert list(frame.columns) == SCHEMA.names
    assert list(frame["sample_id"]) == ["a.png", "b.png", "c.png", "d.png", "torn.png", "blank.png"]
    assert list(frame["given_label"].fillna("?")) == ["cat", "dog", "dog", "cat", "cat", "?"]
    assert list(frame["action"][4:]) == ["drop", "review"]
    assert list(frame["issue"][4:]) == ["unreadable", "missing-label"]
    assert list(frame["content_hash"]) == ["h0", "h1", "h2", "h3", "", ""]
    assert list(frame["trusted"]) == [True, False, False, False, False, False]


def test_rank_goes_by_clean_prob_then_loss_then_sample_id():
    assert list(small_findings()["rank"]) == [4, 1, 3, 2, 6, 5]  # b and d tie at 0.1; b has the larger loss
    tied = small_findings(loss=[1.0, 1.0, 1.0, 1.0], clean_prob=[0.2, 0.2, 0.2, 0.2])
    assert list(tied["rank"][:4]) == [1, 2, 3, 4]


def test_rows_set_aside_rank_behind_even_a_clean_sample():
    frame = small_findings(clean_prob=[1.0, 1.0, 1.0, 1.0])
    assert frame["rank"][:4].max() < frame["rank"][4:].min()
    assert frame["clean_prob"].isna().tolist() == [False] * 4 + [True] * 2


def test_ranks_do_not_depend_on_the_order_of_the_samples():
    order = [2, 0, 3, 1]
    dataset = small_dataset()
    shuffled = Dataset(
        dataset.source,
        tuple(dataset.sample_ids[i] for i in order),
        tuple(dataset.paths[i] for i in order),
        dataset.given[order],
        dataset.classes,
        dataset.content.take(np.array(order)),
        dataset.trusted[order],
        set_aside=dataset.set_aside,
    )
    moved = small_findings(shuffled, **{name: [value[i] for i in order] for name, value in SAMPLES.items()})
    columns = ["sample_id", "rank", "given_label", "suggested_label", "clean_prob", "action"]
    expected = small_findings()[columns].sort_values("rank", ignore_index=True)
    pd.testing.assert_frame_equal(moved[columns].sort_values("rank", ignore_index=True), expected)


def test_no_suggestion_leaves_label_and_probability_empty():
    frame = small_findings()
    assert frame["suggested_label"].isna().tolist() == [True, False, False, False, True, True]
    assert frame["suggested_prob"].isna().tolist() == [True, False, False, False, True, True]
    assert list(frame["suggested_label"][1:4]) == ["cat", "elk", "elk"]


def test_top_labels_are_names_beside_their_probabilities():
    frame = small_findings()
    assert list(frame["top_labels"].iloc[3]) == ["elk", "cat", "dog"]
    assert list(frame["top_probs"].iloc[3]) == pytest.approx([0.8, 0.1, 0.1])
    assert list(frame["top_labels"].iloc[4]) == []


def test_actions_and_issues_may_be_arrays_of_enums():
    action = np.array([Action.KEEP, Action.RELABEL, Action.REVIEW, Action.DROP], dtype=object)
    issue = np.array([Issue.NONE, Issue.MISLABELLED, Issue.AMBIGUOUS, Issue.OUT_OF_DISTRIBUTION], dtype=object)
    frame = small_findings(action=action, issue=issue)
    assert list(frame["action"][:4]) == ["keep", "relabel", "review", "drop"]
    assert list(frame["issue"][:4]) == ["", "mislabelled", "ambiguous", "out-of-distribution"]


def test_suspects_come_most_suspicious_first_and_without_kept_rows():
    assert list(suspects(small_findings())["sample_id"]) == ["b.png", "d.png", "c.png", "blank.png", "torn.png"]


def test_an_array_of_another_size_names_itself_and_both_sizes():
    with pytest.raises(ValueError, match="clean_prob has 3 entries for 4 samples"):
        small_findings(clean_prob=[0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="given_prob has 3 entries for 4 samples"):
        small_findings(**{name: SAMPLES[name][:3] for name in ("loss", "given_prob", "top_labels", "top_probs")})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"clean_prob": [0.9, 0.1, 1.5, 0.1]},
            "row 2 (sample_id 'c.png'): column 'clean_prob' is 1.5, expected a number",
        ),
        ({"clean_prob": [0.9, np.nan, 0.1, np.nan]}, "row 1 (sample_id 'b.png'): column 'clean_prob' is"),
        ({"clean_prob": [0.9, np.nan, 0.1, np.nan]}, "(1 more rows alike)"),
        ({"action": ["keep", "fix", "keep", "keep"]}, "column 'action' is 'fix', expected one of ['keep', 'relabel',"),
        ({"issue": ["", "", "odd", ""]}, "row 2 (sample_id 'c.png'): column 'issue' is 'odd', expected one of ['',"),
        ({"suggested": [-1, -1, 2, 2]}, "row 1 (sample_id 'b.png'): column 'action' is 'relabel', expected another"),
        ({"detail": ["", None, "", ""]}, "row 1 (sample_id 'b.png'): column 'detail' is"),
    ],
)
def test_a_bad_value_is_named_with_column_and_row(change, message):
    with pytest.raises(DataError) as caught:
        small_findings(**change)
    assert message in str(caught.value)


def test_validation_names_wrong_columns_types_ids_and_ranks():
    frame = small_findings()
    with pytest.raises(DataError, match=r"expected the columns .*'trusted'.* found"):
        validate_findings(frame.drop(columns="trusted"))
    with pytest.raises(DataError, match="column 'loss' holds float64, expected float32"):
        validate_findings(frame.assign(loss=frame["loss"].astype("float64")))
    with pytest.raises(DataError, match=r"row 3 .*column 'sample_id' is 'a.png', expected an id of its own"):
        validate_findings(frame.assign(sample_id=[*frame["sample_id"][:3], "a.png", *frame["sample_id"][4:]]))
    with pytest.raises(DataError, match=r"column 'loss' is inf, expected a finite number of nats\."):
        validate_findings(frame.assign(loss=np.array([0.1, np.inf, 0.7, 1.6, 0, 0], dtype=np.float32)))
    with pytest.raises(DataError, match="column 'rank' is 9, expected every number from 1 to 6 once"):
        validate_findings(frame.assign(rank=np.array([4, 1, 9, 2, 6, 5])))
    with pytest.raises(DataError, match=r"column 'given_label' is .*, expected a label"):
        validate_findings(frame.assign(given_label=[None, *frame["given_label"][1:]]))


def test_findings_survive_a_round_trip(tmp_path):
    frame = small_findings()
    write_findings(frame, tmp_path / "findings.parquet")
    pd.testing.assert_frame_equal(read_findings(tmp_path / "findings.parquet"), frame)


def test_reading_some_columns_keeps_their_order(tmp_path):
    write_findings(small_findings(), tmp_path / "findings.parquet")
    frame = read_findings(tmp_path / "findings.parquet", ["action", "sample_id"])
    assert list(frame.columns) == ["action", "sample_id"]
    assert frame["action"].tolist()[:2] == ["keep", "relabel"]
    with pytest.raises(ValueError, match="no column 'colour'"):
        read_findings(tmp_path / "findings.parquet", ["colour"])


def test_the_same_findings_give_the_same_bytes_whatever_their_history(tmp_path):
    frame = small_findings()
    write_findings(frame, tmp_path / "one.parquet")
    write_findings(read_findings(tmp_path / "one.parquet"), tmp_path / "two.parquet")
    pieces = pd.concat([frame[:2], frame[2:]]).set_axis([9, 8, 7, 6, 5, 4])
    write_findings(pieces, tmp_path / "three.parquet")
    first = (tmp_path / "one.parquet").read_bytes()
    assert (tmp_path / "two.parquet").read_bytes() == first
    assert (tmp_path / "three.parquet").read_bytes() == first


def test_the_file_carries_schema_version_and_k(tmp_path):
    write_findings(small_findings(), tmp_path / "findings.parquet")
    metadata = pq.read_schema(tmp_path / "findings.parquet").metadata
    assert metadata[b"labelaudit.findings_schema"] == b"1"
    assert metadata[b"labelaudit.top_labels"] == b"3"


def test_another_schema_version_is_refused_with_both_versions(tmp_path):
    path = tmp_path / "findings.parquet"
    write_findings(small_findings(), path)
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({b"labelaudit.findings_schema": b"7"}), path)
    with pytest.raises(DataError, match=r"findings.parquet has findings schema 7; this labelaudit reads schema 1\."):
        read_findings(path)


def test_missing_and_damaged_files_are_data_errors(tmp_path):
    with pytest.raises(DataError, match=r"findings.parquet does not exist\."):
        read_findings(tmp_path / "findings.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 but not for long")
    with pytest.raises(DataError, match=r"torn\.parquet is damaged: "):
        read_findings(tmp_path / "torn.parquet")


def test_broken_findings_are_not_written(tmp_path):
    frame = small_findings()
    with pytest.raises(DataError, match=r"column 'clean_prob' is 2\.0"):
        write_findings(frame.assign(clean_prob=np.float32(2)), tmp_path / "findings.parquet")
    assert list(tmp_path.iterdir()) == []


def test_file_names_that_are_not_utf8_are_written_with_escapes(tmp_path):
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    frame = small_findings(small_dataset(ids=(name, "b.png", "c.png", "d.png")))
    write_findings(frame, tmp_path / "findings.parquet")
    assert read_findings(tmp_path / "findings.parquet")["sample_id"].iloc[0] == "caf\\udce9.png"


def test_a_dataset_of_rows_set_aside_only_has_findings():
    nothing = Dataset(
        Path("pets"), (), (), np.array([], dtype=np.int64), CLASSES, ImageFiles(()), np.array([], bool), None, SET_ASIDE
    )
    empty: dict[str, Any] = {name: [] for name in SAMPLES} | {
        "suggested": np.array([], int),
        "top_labels": np.zeros((0, 3), int),
    }
    frame = small_findings(nothing, **empty | {"top_probs": np.zeros((0, 3))})
    assert list(frame["rank"]) == [2, 1]
    assert frame["trusted"].dtype == bool


def test_findings_do_not_import_torch():
    code = "import sys, labelaudit.core.summary; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "False\n"
