import pytest

import labelaudit
from labelaudit.api.check import check
from labelaudit.core.errors import ConfigError
from labelaudit.testing import assert_label_quality
from tests.gate_audit import Row, write_pictures, write_rows

ROWS = [
    Row("cat/1.png", "cat", 0.02, "dog"),
    *[Row(f"cat/{n}.png", "cat") for n in range(3, 9)],
    *[Row(f"dog/{n}.png", "dog") for n in range(9, 15)],
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    write_rows(tmp_path, write_pictures(tmp_path / "photos", ROWS))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_audit_can_be_named_by_itself_by_its_folder_or_by_the_one_around(place):
    audit = labelaudit.load(place)
    names = [
        check(named).audit_name for named in (audit, audit.path, "photos/", place, str(place / ".labelaudit"), None)
    ]
    assert names == [audit.path.name] * 6


def test_good_labels_return_the_report(place):
    report = assert_label_quality("photos/", max_noise=0.2)
    assert report.passed
    assert report.suspects == 1


def test_bad_labels_name_the_rule_the_worst_samples_and_the_next_step(place):
    with pytest.raises(AssertionError) as caught:
        assert_label_quality(place, max_noise=0.02, max_suspects=0)
    assert str(caught.value) == (
        "labels of photos: FAILED: 2 errors, 4 passed, 5 skipped; 1 suspect, 0 known, 0 accepted\n\n"
        "max-noise: about 8.5 % of the labels are wrong (a point: the audit has no interval); 2.0 % allowed\n"
        "labelaudit review shows them, and records what you decide; labelaudit export --suspect.csv lists them.\n"
        "  cat/1.png: given cat, more likely dog (clean probability 0.02)\n\n"
        "max-suspects: 1 suspect; 0 allowed\n"
        "labelaudit review shows them, and records what you decide; labelaudit export --suspect.csv lists them.\n"
        "  cat/1.png: given cat, more likely dog (clean probability 0.02)"
    )


def test_none_turns_a_rule_off_and_an_unknown_one_is_an_error(place):
    assert assert_label_quality(max_noise=None).passed
    with pytest.raises(ConfigError, match=r"unknown setting 'check.max_nois'\.\nDid you mean 'max_noise'\?"):
        assert_label_quality(max_nois=0.1)
