import pytest

from labelaudit.core.errors import ConfigError
from labelaudit.exports.names import FORMATS, TABLES, WHATS, parse_export_name, require_tool


def test_every_table_in_every_format_has_a_name():
    parsed = [parse_export_name(f"{what}.{fmt}") for what in WHATS for fmt in FORMATS]
    assert parsed == [(what, fmt) for what in WHATS for fmt in FORMATS]
    assert len(parsed) == 20
    assert parse_export_name("suspect.xlsx") == ("suspect", "xlsx")
    assert len(TABLES) == 21


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("suspects.csv", "Did you mean suspect.csv? "),
        ("clean.xlsx", "Did you mean clean.csv? "),
        ("clean.ndjson", "Did you mean clean.json? "),
        ("suspect", "Did you mean suspect.csv? "),
        ("SUSPECT.CSV", "Did you mean suspect.csv? "),
        ("zzz.csv", ""),
        ("", ""),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest_one_and_the_choices(name, question):
    with pytest.raises(ConfigError) as caught:
        parse_export_name(name)
    assert caught.value.problem == f"cannot export {name!r}."
    choices = "Choose from suspect, clean, relabelled, all, with .csv, .tsv, .parquet, .jsonl, .json; and suspect.xlsx."
    assert caught.value.hint == question + choices


def test_the_other_spelling_is_understood():
    assert parse_export_name("relabeled.parquet") == ("relabelled", "parquet")


def test_tools_have_names():
    assert require_tool("label-studio") == "label-studio"
    with pytest.raises(ConfigError, match=r"cannot hand over to 'fiftyon'\.\nDid you mean fiftyone\?"):
        require_tool("fiftyon")
