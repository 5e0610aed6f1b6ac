import pandas as pd
import pytest

from labelaudit.api.export import export
from labelaudit.api.load import load
from labelaudit.core.audits import Audit
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.findings import write_findings
from tests.pets import small_findings


@pytest.fixture
def audit(tmp_path):
    audit = Audit.create(tmp_path, method="drpl", facts={})
    write_findings(small_findings(detail=["", "=1", "", ""]), audit.findings_path)
    audit.finish({})
    return audit


def test_exports_are_written_into_a_new_folder_and_their_paths_returned(audit, tmp_path):
    out = tmp_path / "new" / "folder"
    paths = export(audit, "suspect.csv", "clean.jsonl", output=out)
    assert paths == [out / "suspect.csv", out / "clean.jsonl"]
    assert pd.read_csv(paths[0])["sample_id"].tolist() == ["b.png", "d.png", "c.png", "blank.png", "torn.png"]
    assert len(paths[1].read_text().splitlines()) == 1
    assert sorted(path.name for path in out.iterdir()) == ["clean.jsonl", "suspect.csv"]


def test_cells_are_harmless_unless_raw(audit, tmp_path):
    (safe,) = export(audit, "suspect.csv", output=tmp_path)
    assert pd.read_csv(safe)["why"][0] == "looks like cat, hardly like dog; '=1"
    (safe,) = export(audit, "all.csv", output=tmp_path)
    assert pd.read_csv(safe)["detail"][1] == "'=1"
    (raw,) = export(audit, "all.csv", output=tmp_path, raw=True)
    assert pd.read_csv(raw)["detail"][1] == "=1"


def test_the_audit_may_be_a_path_or_the_latest_one_here(audit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for where in (None, str(tmp_path), audit.path):
        (path,) = export(where, "all.csv")
        assert len(pd.read_csv(path)) == 6
        path.unlink()


def test_one_wrong_name_writes_nothing(audit, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match=r"cannot export 'suspects.csv'\.\nDid you mean suspect\.csv\?"):
        export(audit, "clean.csv", "suspects.csv", output=out)
    assert not out.exists()


def test_no_name_is_an_error(audit):
    with pytest.raises(ConfigError, match=r"nothing to export\.\nName a table, such as suspect\.csv"):
        export(audit)


def test_an_output_that_is_a_file_cannot_be_written_to(audit, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(DataError, match=r"cannot write to .*taken: .*\nChoose another"):
        export(audit, "suspect.csv", output=tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_loading_opens_a_finished_audit_only(audit, tmp_path):
    assert load(str(tmp_path)).path == audit.path
    running = Audit.create(tmp_path, method="elr", facts={})
    with pytest.raises(DataError, match="its status is running"):
        load(running.path)
    with pytest.raises(DataError, match=r"no audit of .*elsewhere in .* or above, nor any in .*elsewhere"):
        load(tmp_path / "elsewhere")
