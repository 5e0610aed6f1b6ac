"""The results file: rows are found by their key, replaced, and never lost."""

import pandas as pd
import pytest

from labelaudit.core.errors import DataError
from labelaudit.lab import bench_rows as results
from labelaudit.lab.bench_rows import (
    add_row,
    find_row,
    make_revision,
    mean_and_sd,
    read_results,
    settings_of,
    summarise,
    to_markdown,
)

KEY = {"data": "d", "setting": "sym:0.2", "method": "ours", "seed": 0, "revision": "1"}
ROW = dict.fromkeys(("auroc", "ap", "p_at_k", "f1", "tpr", "fpr", "flagged", "relabel_accuracy"), 0.5) | {
    "noise_rate_error": -0.1,
    "brier": 0.2,
    "ece": float("nan"),
    "seconds": 61.4,
    "images": 480_000,
    "wrong": 0.18,
}


def test_rows_are_found_by_their_whole_key_and_replaced(tmp_path):
    path = tmp_path / ".labelaudit" / "bench.parquet"
    add_row(path, KEY | {"ap": 0.5})
    add_row(path, KEY | {"seed": 1, "ap": 0.6})
    add_row(path, KEY | {"ap": 0.7})
    frame = read_results(path)
    assert sorted(frame["ap"]) == [0.6, 0.7]
    found = find_row(frame, KEY)
    assert found is not None
    assert found["ap"] == 0.7
    assert find_row(frame, KEY | {"revision": "2"}) is None
    assert (path.parent / ".gitignore").read_text() == "*\n"


def test_rows_with_other_columns_share_the_file(tmp_path):
    path = tmp_path / "all.parquet"
    add_row(path, KEY | {"ap": 0.5})
    add_row(path, KEY | {"method": "theirs", "brier": 0.1})
    frame = read_results(path)
    assert frame["ap"].tolist()[0] == 0.5
    assert frame["brier"].tolist()[1] == 0.1
    assert [file.name for file in tmp_path.iterdir() if not file.name.endswith(".lock")] == ["all.parquet"]


def test_no_file_is_no_rows_and_another_file_is_an_error(tmp_path):
    assert len(read_results(tmp_path / "none.parquet")) == 0
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(DataError, match=r"other\.parquet holds no results of a bench: it has no column 'data'"):
        read_results(tmp_path / "other.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"torn\.parquet cannot be read"):
        read_results(tmp_path / "torn.parquet")


def test_a_revision_changes_with_the_settings_and_with_the_code(tmp_path, monkeypatch):
    first = make_revision({"epochs": 3})
    assert first == make_revision({"epochs": 3})
    assert first != make_revision({"epochs": 4})
    monkeypatch.setattr(results, "_ROOMS", ("functional",))
    assert first != make_revision({"epochs": 3})


def table_of(*changes):
    return pd.DataFrame([KEY | ROW | change for change in changes])


def test_a_mean_has_its_deviation_where_there_are_several_seeds():
    assert mean_and_sd(pd.Series([0.5, 0.7]), "ap") == "0.600 ±0.141"
    assert mean_and_sd(pd.Series([0.5]), "ap") == "0.500"
    assert mean_and_sd(pd.Series([0.05]), "noise_rate_error") == "+0.050"
    assert mean_and_sd(pd.Series([1200.4, 1201.2]), "images") == "1,201"
    assert mean_and_sd(pd.Series([float("nan")]), "ap") == "-"


def test_a_summary_has_mean_deviation_and_seeds_of_every_setting_and_method():
    frame = table_of({}, {"seed": 1, "ap": 0.7}, {"method": "theirs"}, {"setting": "none"})
    found = summarise(frame)
    assert found[["setting", "method", "seeds"]].to_numpy().tolist() == [
        ["sym:0.2", "ours", 2],
        ["sym:0.2", "theirs", 1],
        ["none", "ours", 1],
    ]
    assert found["ap_mean"].tolist() == pytest.approx([0.6, 0.5, 0.5])
    assert found["ap_sd"].tolist()[0] == pytest.approx(0.1414, abs=1e-4)


def test_a_setting_is_titled_with_its_actual_rate():
    assert [title for title, _ in settings_of(table_of({}, {"seed": 1}))] == ["sym:0.2 (actual 18.0 %, 2 seeds)"]


def test_markdown_has_a_table_for_each_setting():
    text = to_markdown(table_of({}, {"method": "theirs", "ap": 0.25}, {"setting": "none"}))
    lines = text.splitlines()
    assert lines[0] == "## sym:0.2 (actual 18.0 %, 1 seed)"
    assert lines[2].startswith("| method | AUROC | AP | precision at k |")
    assert lines[4] == (
        "| ours | 0.500 | 0.500 | 0.500 | 0.500 | 0.500 | 0.500 | 0.500 | 0.500 | -0.100 | 0.200 | - | 61 | 480,000 |"
    )
    assert lines[5].startswith("| theirs | 0.500 | 0.250 |")
    assert "## none (actual 18.0 %, 1 seed)" in lines


def test_rare_classes_have_columns_where_there_are_some():
    without = pd.DataFrame([KEY | ROW])
    with_some = pd.DataFrame([KEY | ROW | {"fpr_common": 0.01, "fpr_rare": 0.25}])
    assert "rare half" not in to_markdown(without)
    assert "| FPR | FPR, common half | FPR, rare half | flagged |" in to_markdown(with_some)
    assert "fpr_rare_mean" not in summarise(without)
    assert summarise(with_some)["fpr_rare_mean"].tolist() == [0.25]
