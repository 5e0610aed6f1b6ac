"""The figures of a run: last epoch, mean of the last ten, best, and best by held-out labels."""

from __future__ import annotations

import pytest

from labelaudit.lab.epoch_accuracy import EpochAccuracy, accuracies, append_epoch, read_epochs


def curve(test, held_out=None, stage="s"):
    held = [None] * len(test) if held_out is None else held_out
    return [EpochAccuracy(stage, i + 1, len(test), t, h) for i, (t, h) in enumerate(zip(test, held, strict=True))]


def test_each_figure_is_of_its_own_epoch():
    test = [0.1, 0.9, 0.2, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.5]
    found = accuracies(curve(test, [0.0, 0.1, 0.9] + [0.5] * 9))
    assert (found.epochs, found.last, found.best, found.best_epoch) == (12, 0.5, 0.9, 2)
    assert found.mean_of_last == pytest.approx((0.2 + 8 * 0.3 + 0.5) / 10)
    assert (found.held_out, found.held_out_epoch) == (0.2, 3)
    assert [found.of(measure) for measure in ("last", "best", "held-out", "unstated")] == [0.5, 0.9, 0.2, 0.5]


def test_the_first_of_equal_epochs_is_the_best_and_without_held_out_samples_there_is_no_such_figure():
    found = accuracies(curve([0.4, 0.4]))
    assert (found.best_epoch, found.held_out, found.held_out_epoch, found.of("held-out")) == (1, None, None, None)


def test_only_the_last_stage_counts():
    assert accuracies(curve([0.9, 0.9], stage="a") + curve([0.1], stage="b")).best == 0.1
    with pytest.raises(ValueError, match="no epoch was tested"):
        accuracies([])


def test_epochs_come_back_as_they_were_written_and_repeated_ones_as_the_last_time(tmp_path):
    path = tmp_path / "epochs.csv"
    assert read_epochs(path) == []
    rows = curve([0.1, 1 / 3, 0.7], [0.5, 1 / 7, 0.25])
    for row in rows:
        append_epoch(path, row)
    assert read_epochs(path) == rows
    again = EpochAccuracy("s", 2, 3, 0.8, None)
    append_epoch(path, again)
    assert read_epochs(path) == [rows[0], again, rows[2]]


def test_a_line_that_a_crash_cut_off_is_passed_over(tmp_path):
    path = tmp_path / "epochs.csv"
    rows = curve([0.1, 0.2])
    for row in rows:
        append_epoch(path, row)
    with path.open("a", encoding="utf-8") as file:
        file.write("s,3,3,0.")
    assert read_epochs(path) == rows


def test_top_five_and_another_test_set_are_of_the_last_epoch():
    rows = [EpochAccuracy("s", n, 2, 0.5, None, 0.6 + n / 10, 0.1 * n, 0.2 * n) for n in (1, 2)]
    found = accuracies(rows)
    assert [found.of(measure) for measure in ("top5", "other", "other-top5", "tpr")] == [0.8, 0.2, 0.4, None]
    assert accuracies(curve([0.1])).of("top5") is None


def test_epochs_of_an_older_version_are_read_without_the_later_columns(tmp_path):
    path = tmp_path / "epochs.csv"
    path.write_text("stage,epoch,epochs,test,held_out\ns,1,2,0.25,\n", encoding="utf-8")
    assert read_epochs(path) == [EpochAccuracy("s", 1, 2, 0.25)]
