from dataclasses import replace

import numpy as np
import pytest

from labelaudit.core.dataset import SetAside
from labelaudit.core.decisions import Known
from labelaudit.core.shares import Share, point
from labelaudit.gate.columns import Coded, read_columns
from labelaudit.gate.examined import (
    Comparison,
    Drift,
    Examined,
    Leaks,
    NearConflicts,
    dataset_noise,
    noise_by_class,
)
from labelaudit.gate.examined import judge_known as judge
from labelaudit.gate.limits import ClassLimits, Gate, Limits, PathLimits
from labelaudit.gate.rules import RULES, run_rules
from labelaudit.gate.suspect_rules import matches, percent
from tests.gate_audit import Row, write_rows

OFF = Limits(
    max_noise=None,
    max_new_suspects=None,
    max_changed_suspects=None,
    max_unreadable=None,
    max_duplicate_conflicts=None,
    min_class_samples=None,
    max_leaks=None,
    max_near_leaks=None,
    max_near_conflicts=None,
    max_label_changes=None,
    max_unjudged=None,
)
ROWS = [
    Row("raw/a/1.png", "cat", 0.01, "dog"),
    Row("raw/2.png", "cat", 0.3, "dog"),
    Row("web/3.png", "cat"),
    Row("web/4.png", "dog", 0.2, "cat"),
    *[Row(f"web/{n}.png", "dog") for n in range(5, 11)],
]  # 10 samples, 3 suspects: 2 of 3 cats, 1 of 7 dogs
BROKEN = (SetAside("raw/5.png", "raw/5.png", "dog", "unreadable", "the file is cut off"),)


def evidence_of(folder, rows=ROWS, known=None, baseline=False, set_aside=(), gone=None, **changes):
    columns = read_columns(write_rows(folder, rows, set_aside=set_aside).findings_path)
    suspect, is_known, accepted = judge(columns, {entry.key: entry for entry in known or ()}, gone=gone)
    whole = Examined(
        columns=columns,
        noise=dataset_noise({}, columns),
        class_noise=noise_by_class({}, columns),
        classes=("cat", "dog"),
        suspect=suspect,
        known=is_known,
        accepted=accepted,
        has_baseline=baseline,
    )
    return replace(whole, **changes)


def only(examined, classes=None, paths=(), severity=None, **limits):
    """Run all rules with every limit off but these."""
    gate = Gate(replace(OFF, **limits), classes or {}, tuple(paths), severity or {})
    return list(run_rules(examined, gate))


def known(examined, row, verdict="open"):
    sample = examined.columns.sample(row)
    return Known(sample.content_hash, sample.given_label, verdict)


def test_no_limit_no_result(tmp_path):
    assert only(evidence_of(tmp_path)) == []


def test_the_names_of_the_rules_are_those_of_their_limits():
    names = {rule.name.replace("-", "_") for rule in RULES}
    limits = set(Limits.__dataclass_fields__) - {"noise_bound", "new_suspect_below", "compare_contents"}
    assert names == limits


@pytest.mark.parametrize(
    ("bound", "limit", "status"),
    [
        ("lower", 0.04, "passed"),
        ("lower", 0.039, "failed"),
        ("point", 0.05, "passed"),
        ("point", 0.049, "failed"),
        ("upper", 0.06, "passed"),
        ("upper", 0.059, "failed"),
    ],
)
def test_noise_is_gated_on_the_end_of_the_interval_that_is_chosen(bound, limit, status, tmp_path):
    examined = evidence_of(tmp_path, noise=Share(0.05, 0.04, 0.06))
    (result,) = only(examined, max_noise=limit, noise_bound=bound)
    assert (result.rule, result.status, result.limit) == ("max-noise", status, limit)
    assert result.measured == {"lower": 0.04, "point": 0.05, "upper": 0.06}[bound]
    assert "(interval 4.0 % to 6.0 %, estimate 5.0 %)" in result.message
    assert len(result.rows) == (3 if status == "failed" else 0)


def test_without_an_interval_the_point_is_taken_and_said(tmp_path):
    (result,) = only(evidence_of(tmp_path, noise=point(0.0512)), max_noise=0.05)
    assert result.message == "about 5.1 % of the labels are wrong (a point: the audit has no interval); 5.0 % allowed"
    assert result.status == "failed"


def test_noise_comes_from_the_audit_and_else_from_the_rows(tmp_path):
    columns = evidence_of(tmp_path).columns
    of_cats = {"rate": 0.5, "low": 0.4, "high": 0.6}
    told = {"noise_rate": 0.2, "noise_interval": [0.1, 0.3], "noise_by_class": {"cat": of_cats}}
    assert dataset_noise(told, columns) == Share(0.2, 0.1, 0.3)
    assert noise_by_class(told, columns) == {"cat": Share(0.5, 0.4, 0.6)}
    assert dataset_noise({}, columns).rate == pytest.approx((0.99 + 0.7 + 0.8 + 7 * 0.01) / 10)
    assert noise_by_class({}, columns)["cat"].rate == pytest.approx((0.99 + 0.7 + 0.01) / 3)


def test_each_noisy_class_is_a_result_and_its_own_limit_wins(tmp_path):
    examined = evidence_of(tmp_path)  # cat 56.7 %, dog 12.3 %
    cat, dog = only(examined, max_class_noise=0.1)
    assert [(r.name, round(r.measured, 3), len(r.rows)) for r in (cat, dog)] == [
        ("max-class-noise (class cat)", 0.567, 2),
        ("max-class-noise (class dog)", 0.123, 1),
    ]
    (left,) = only(examined, max_class_noise=0.1, classes={"cat": ClassLimits(max_noise=0.6)})
    assert (left.subject, left.limit) == ("class dog", 0.1)
    (passed,) = only(examined, max_class_noise=0.6)
    assert passed.status == "passed"
    assert passed.message.startswith("all 2 classes are within their limits; the noisiest is cat: about 56.7 %")


def test_suspects_are_counted_in_all_in_classes_and_below_paths(tmp_path):
    examined = evidence_of(tmp_path)
    results = only(
        examined,
        max_suspects=3,
        classes={"cat": ClassLimits(max_suspects=1)},
        paths=[PathLimits("raw/**", max_suspects=2), PathLimits("web/", max_suspects=0)],
    )
    assert [(r.subject, r.status, r.measured) for r in results] == [
        ("", "passed", 3),
        ("class cat", "failed", 2),
        ("paths raw/**", "passed", 2),
        ("paths web/", "failed", 1),
    ]
    assert results[3].message == "1 suspect; 0 allowed"
    assert [examined.columns.sample(row).path for row in results[1].rows] == ["raw/a/1.png", "raw/2.png"]


def test_the_share_of_suspects_is_of_the_scanned_samples(tmp_path):
    examined = evidence_of(tmp_path, set_aside=BROKEN)
    (result,) = only(examined, max_suspect_share=0.29)
    assert (result.status, result.measured) == ("failed", 0.3)
    assert result.message == "30.0 % of 10 samples are suspects (3); 29.0 % allowed"
    assert only(examined, max_suspect_share=0.3)[0].status == "passed"


def test_what_a_person_called_right_is_no_suspect_and_what_is_known_is_no_new_one(tmp_path):
    blank = evidence_of(tmp_path / "1")
    accepted, open_ = known(blank, 0, "ok"), known(blank, 1)
    examined = evidence_of(tmp_path / "2", known=[accepted, open_], baseline=True)
    assert (examined.suspect.sum(), examined.known.sum(), examined.accepted.sum()) == (2, 1, 1)
    total, new = only(examined, max_suspects=1, max_new_suspects=0)
    assert (total.status, total.measured) == ("failed", 2)
    assert new.message == "1 suspect that the baseline does not know; 0 allowed"
    assert [examined.columns.sample(row).path for row in new.rows] == ["web/4.png"]


def test_a_sample_is_known_with_the_label_it_had_only(tmp_path):
    entry = replace(known(evidence_of(tmp_path / "1"), 0), given_label="dog")
    assert evidence_of(tmp_path / "2", known=[entry]).known.sum() == 0


def test_what_a_person_called_wrong_is_a_suspect_though_the_model_keeps_it(tmp_path):
    entry = known(evidence_of(tmp_path / "1"), 2, "wrong")
    examined = evidence_of(tmp_path / "2", known=[entry])
    assert examined.suspect.tolist()[:4] == [True, True, True, True]
    assert examined.known.tolist()[:4] == [False, False, True, False]


def test_samples_that_are_gone_are_no_suspects(tmp_path):
    gone = np.array([True] + [False] * 9)
    assert evidence_of(tmp_path, gone=gone).suspect.sum() == 2


def test_without_a_baseline_nothing_is_new_and_that_is_said(tmp_path):
    (result,) = only(evidence_of(tmp_path), max_new_suspects=0)
    assert (result.status, result.hint) == ("skipped", "labelaudit baseline writes one to commit.")


def test_unsure_suspects_are_not_new_where_the_settings_say_so_but_conflicts_are(tmp_path):
    rows = [*ROWS, Row("web/twin.png", "dog", 0.9, issue="duplicate-conflict")]
    examined = evidence_of(tmp_path, rows, baseline=True)
    (result,) = only(examined, max_new_suspects=0, new_suspect_below=0.1)
    assert [examined.columns.sample(row).path for row in result.rows] == ["raw/a/1.png", "web/twin.png"]


def test_changed_files_are_held_against_their_own_limit_without_a_baseline(tmp_path):
    changed = np.array([True, False, True] + [False] * 7)
    examined = evidence_of(tmp_path, changed=changed)
    (result,) = only(examined, max_changed_suspects=0)
    assert result.message == "1 new suspect among 2 changed samples; 0 allowed"
    assert result.status == "failed"
    assert only(evidence_of(tmp_path), max_changed_suspects=0) == []


def test_files_that_could_not_be_scanned_are_counted_by_kind(tmp_path):
    examined = evidence_of(tmp_path, set_aside=BROKEN)
    (result,) = only(examined, max_unreadable=0)
    assert (result.status, result.measured, result.rows.tolist()) == ("failed", 1, [10])
    assert result.message == "1 sample could not be scanned (1 unreadable); 0 allowed"
    assert only(examined, max_unreadable=1)[0].status == "passed"


def test_twins_under_other_labels_fail_until_someone_decides(tmp_path):
    rows = [*ROWS, Row("web/twin.png", "dog", 0.9, issue="duplicate-conflict")]
    blank = evidence_of(tmp_path / "1", rows)
    assert only(blank, max_duplicate_conflicts=0)[0].message == (
        "1 sample with an exact twin under another label; 0 allowed"
    )
    decided = evidence_of(tmp_path / "2", rows, known=[known(blank, 10, "ok")])
    assert only(decided, max_duplicate_conflicts=0)[0].status == "passed"


def test_leaks_name_the_pairs(tmp_path):
    leaks = Leaks(np.array([2]), ("web/3.png = test/9.png",), ("train", "test"))
    (result,) = only(evidence_of(tmp_path, leaks=leaks), max_leaks=0)
    assert (result.status, result.listed) == ("failed", ("web/3.png = test/9.png",))
    assert result.message == "1 exact copy across train, test; 0 allowed"
    (skipped,) = only(evidence_of(tmp_path, leaks="no splits"), max_leaks=0)
    assert (skipped.status, skipped.message) == ("skipped", "no splits")


def test_near_leaks_count_samples_and_name_the_pairs(tmp_path):
    leaks = Leaks(np.array([2, 3]), ("web/3.png ~ test/9.png", "web/4.png ~ test/9.png"), ("train", "test"))
    (result,) = only(evidence_of(tmp_path, near_leaks=leaks), max_near_leaks=1)
    assert (result.status, result.severity, result.measured) == ("failed", "warning", 2)
    assert result.message == "2 samples with a near duplicate across train, test; 1 allowed"
    assert result.listed == ("web/3.png ~ test/9.png", "web/4.png ~ test/9.png")
    assert only(evidence_of(tmp_path, near_leaks=leaks), max_near_leaks=2)[0].status == "passed"
    (skipped,) = only(evidence_of(tmp_path, near_leaks="no hashes"), max_near_leaks=0)
    assert (skipped.status, skipped.message) == ("skipped", "no hashes")


def test_near_conflicts_warn_with_both_samples(tmp_path):
    found = NearConflicts(np.array([2, 4]), ("web/3.png (cat) ~ web/5.png (dog)",))
    (result,) = only(evidence_of(tmp_path, near_conflicts=found), max_near_conflicts=0)
    assert (result.warns, result.rows.tolist()) == (True, [2, 4])
    assert result.message == "2 samples with a near duplicate under another label; 0 allowed"
    (skipped,) = only(evidence_of(tmp_path, near_conflicts="no hashes"), max_near_conflicts=0)
    assert (skipped.status, skipped.message) == ("skipped", "no hashes")


def test_each_small_class_is_a_result_even_an_empty_one(tmp_path):
    examined = evidence_of(tmp_path, classes=("cat", "dog", "elk"))
    cat, elk = only(examined, min_class_samples=5)
    assert [(r.subject, r.measured) for r in (cat, elk)] == [("class cat", 3), ("class elk", 0)]
    assert cat.severity == "warning"
    allowed = {"cat": ClassLimits(min_samples=3), "elk": ClassLimits(min_samples=0)}
    (passed,) = only(examined, min_class_samples=5, classes=allowed)
    assert passed.status == "passed"


def test_imbalance_is_the_largest_class_against_the_smallest(tmp_path):
    examined = evidence_of(tmp_path)
    (result,) = only(examined, max_imbalance=2.0)
    assert (result.status, result.measured) == ("failed", 7 / 3)
    assert result.message == "dog has 7 samples, cat has 3: 2.3 to 1; 2 to 1 allowed"
    assert only(examined, max_imbalance=2.4)[0].status == "passed"


def test_classes_that_came_and_went_are_named(tmp_path):
    before = Drift("before", ("cat", "elk"), Coded(np.array([0] * 5 + [1] * 5), ("cat", "elk")))
    changes, shift = only(evidence_of(tmp_path, drift=before), max_label_changes=1, max_label_shift=0.1)
    assert changes.message == "2 classes came or went since before (+dog, -elk); 1 allowed"
    assert shift.measured == pytest.approx(0.7)  # cat 50 to 30 %, elk 50 to 0 %, dog 0 to 70 %
    assert "most of all dog (0.0 % to 70.0 %)" in shift.message


def test_a_stale_audit_says_which_files_are_new(tmp_path):
    now = Comparison(13, new=("a.png", "b.png"), relabelled=("c.png",), gone=1, renamed=2)
    (result,) = only(evidence_of(tmp_path, comparison=now), max_unjudged=0)
    assert result.message == (
        "3 of 13 samples are not judged: 2 new, 1 with another label "
        "(of those judged, 1 are gone and 2 have another name); 0 allowed"
    )
    assert result.listed == ("a.png (new)", "b.png (new)", "c.png (another label)")
    assert only(evidence_of(tmp_path, comparison=now), max_unjudged=3)[0].status == "passed"


def test_only_a_failure_says_what_to_do_and_names_samples(tmp_path):
    leaks = Leaks(np.array([1, 3]), ("a = b", "c = d"), ("train", "test"))
    examined = evidence_of(tmp_path, set_aside=BROKEN, leaks=leaks)
    counts, shares = ("max_suspects", "max_unreadable", "max_leaks"), ("max_suspect_share", "max_noise")
    failed = only(examined, **dict.fromkeys(counts + shares, 0))
    assert [result.status for result in failed] == ["failed"] * 5
    assert [len(result.rows) for result in failed] == [3, 3, 3, 1, 2]
    assert all(result.hint for result in failed)
    passed = only(examined, **dict.fromkeys(counts, 3), **dict.fromkeys(shares, 0.9))
    assert [result.status for result in passed] == ["passed"] * 5
    assert [(result.hint, len(result.rows), result.listed) for result in passed] == [("", 0, ())] * 5
    assert [result.measured for result in passed] == [result.measured for result in failed]


def test_severity_is_the_rules_own_unless_the_settings_say_otherwise(tmp_path):
    (result,) = only(evidence_of(tmp_path), max_suspects=0, severity={"max-suspects": "warning"})
    assert (result.fails, result.warns) == (False, True)
    (result,) = only(evidence_of(tmp_path), max_suspects=0)
    assert (result.fails, result.warns) == (True, False)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("raw/**", [0, 1]),
        ("raw/*", [1]),
        ("raw/", [0, 1]),
        ("**/1.png", [0]),
        ("**/?.png", [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("web/1", []),
        ("web/[34].png", []),
        ("*", []),
        ("**", list(range(10))),
    ],
)
def test_patterns_match_whole_paths(pattern, expected, tmp_path):
    assert np.flatnonzero(matches(evidence_of(tmp_path).columns, pattern)).tolist() == expected


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0.0 %"), (0.05, "5.0 %"), (0.00012, "0.012 %"), (1.0, "100.0 %"), (0.0005, "0.05 %")]
)
def test_small_shares_keep_their_digits(share, text):
    assert percent(share) == text
