"""`labelaudit bench`: commands by name, and a dataset by any other word."""

import re

import pytest


def words(text):
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


def test_the_help_lists_every_bench(labelaudit):
    text = words(labelaudit("bench", "--help").stdout)
    assert re.search(r"Commands DATA Plant .* speed Hold .* growth Measure .* probs See .* intervals Count ", text)


def test_a_word_that_names_no_command_is_a_dataset_wherever_it_stands(labelaudit):
    for arguments in (["gone", "--noise", "sym:0.2"], ["--noise", "sym:0.2", "gone"]):
        run = labelaudit("bench", *arguments)
        assert (run.exit_code, run.stderr.splitlines()[0]) == (2, "error: gone does not exist.")


def test_a_dataset_may_be_called_like_the_word_for_datasets(labelaudit):
    run = labelaudit("bench", "DATA")
    assert (run.exit_code, run.stderr.splitlines()[0]) == (2, "error: DATA does not exist.")


def test_without_a_dataset_the_usage_says_what_is_missing(labelaudit):
    run = labelaudit("bench")
    assert run.exit_code == 2
    assert "Missing argument 'DATA'" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "option", "other"),
    [
        (["DATA", "-h"], "--rival", "--plot"),
        (["gone", "-h"], "--rival", "--plot"),
        (["growth", "-h"], "--plot", "--rival"),
    ],
)
def test_each_bench_has_its_own_options(labelaudit, arguments, option, other):
    run = labelaudit("bench", *arguments)
    assert run.exit_code == 0
    assert option in run.stdout
    assert other not in run.stdout
