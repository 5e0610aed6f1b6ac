"""The errors a user can meet, and the words that help."""

import pytest

from labelaudit.core.errors import ConfigError, DataError, LabelAuditError, TrainingError, count, did_you_mean, shorten


@pytest.mark.parametrize(("kind", "code"), [(ConfigError, 2), (DataError, 3), (TrainingError, 3)])
def test_every_error_is_of_one_family_and_has_its_exit_code(kind, code):
    error = kind("it broke.")
    assert isinstance(error, LabelAuditError)
    assert error.exit_code == code


def test_an_error_shows_its_hint_on_a_line_of_its_own():
    error = DataError("a.csv:3: no label.", hint="Add one.")
    assert (error.problem, error.hint, str(error)) == (
        "a.csv:3: no label.",
        "Add one.",
        "a.csv:3: no label.\nAdd one.",
    )


def test_an_error_without_a_hint_is_its_problem():
    error = ConfigError("no.")
    assert (str(error), error.hint) == ("no.", None)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("labl", "Did you mean 'label'?"),
        ("LABEL", "Did you mean 'label'?"),
        ("image_path", "Did you mean 'Image_Path'?"),
        ("lable", "Did you mean 'label'?"),
        ("zzz", None),
        ("", None),
    ],
)
def test_the_closest_known_name_is_offered_as_it_is_written(wrong, hint):
    assert did_you_mean(wrong, iter(["label", "Image_Path", "split"])) == hint


def test_nothing_is_offered_where_nothing_is_known():
    assert did_you_mean("label", []) is None


def test_five_items_are_shown_and_the_rest_is_counted():
    assert shorten([]) == ""
    assert shorten(["a"]) == "a"
    assert shorten(range(5)) == "0, 1, 2, 3, 4"
    assert shorten(range(6)) == "0, 1, 2, 3, 4 and 1 more"
    assert shorten((f"{n}" for n in range(1_305)), show=2) == "0, 1 and 1,303 more"


@pytest.mark.parametrize(
    ("n", "words", "text"),
    [
        (0, ["image"], "0 images"),
        (1, ["image"], "1 image"),
        (2_000, ["image"], "2,000 images"),
        (1, ["exact copy", "exact copies"], "1 exact copy"),
        (2, ["exact copy", "exact copies"], "2 exact copies"),
        (0, ["class", "classes"], "0 classes"),
    ],
)
def test_one_is_singular_and_every_other_number_plural(n, words, text):
    assert count(n, *words) == text
