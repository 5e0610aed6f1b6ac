"""Suspects as a workbook with small pictures: what people without a terminal open."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pandas as pd
from PIL import Image

from labelaudit.core.errors import ConfigError
from labelaudit.exports.people import rows_of

_SIDE = 96  # pixels of a picture
_MOST = 5_000  # pictures
_WIDTHS = {"path": 36, "why": 44, "alternatives": 26, "note": 30, "sample_id": 24}  # letters
_DECISIONS = "ok,wrong,accept,drop,ambiguous"


def render_sheet(frame: pd.DataFrame, image_of: Callable[[str], bytes | None]) -> bytes:
    """Return a workbook: a picture before each row, the path as a link, the decision a list to choose from.

    Args:
        frame: of texts, as `for_people` makes it.
        image_of: returns the image of a sample id, None where there is none.

    Raises:
        ConfigError: openpyxl is not installed.
    """
    openpyxl = _library()
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "suspects"
    for number, row in enumerate(rows_of(frame), start=1):
        for place, cell in enumerate(row, start=2):
            target = sheet.cell(number, place, _number_or_text(cell) if number > 1 else cell)
            target.data_type = "s" if isinstance(target.value, str) else target.data_type  # never a formula
    _dress(openpyxl, sheet, frame)
    for number, name in enumerate(frame["sample_id"].tolist()[:_MOST], start=2):
        picture = _thumbnail(image_of(name))
        if picture is not None:
            shown = openpyxl.drawing.image.Image(picture)
            sheet.add_image(shown, f"A{number}")
            sheet.row_dimensions[number].height = _SIDE * 0.78  # points of a pixel
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _dress(openpyxl: Any, sheet: Any, frame: pd.DataFrame) -> None:
    """Set widths, a fixed header, links and choices."""
    letter = openpyxl.utils.get_column_letter
    sheet.freeze_panes = "B2"
    sheet.column_dimensions["A"].width = _SIDE / 7
    for place, name in enumerate(frame.columns, start=2):
        sheet.column_dimensions[letter(place)].width = _WIDTHS.get(str(name), 14)
        sheet.cell(1, place).font = openpyxl.styles.Font(bold=True)
    path = list(frame.columns).index("path") + 2
    for number, text in enumerate(frame["path"].tolist(), start=2):
        if ":" not in text:  # a row of a table is no file
            sheet.cell(number, path).hyperlink = text
    decision = letter(list(frame.columns).index("decision") + 2)
    choices = openpyxl.worksheet.datavalidation.DataValidation(
        type="list", formula1=f'"{_DECISIONS}"', allow_blank=True
    )
    if len(frame):
        choices.add(f"{decision}2:{decision}{len(frame) + 1}")
        sheet.add_data_validation(choices)


def _thumbnail(data: bytes | None) -> io.BytesIO | None:
    if not data:
        return None
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.draft("RGB", (_SIDE, _SIDE))
            image.thumbnail((_SIDE, _SIDE))
            buffer = io.BytesIO()
            image.convert("RGB").save(buffer, "PNG")
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    buffer.seek(0)
    return buffer


def _number_or_text(cell: str) -> str | float:
    try:
        return (
            float(cell) if "." in cell and len(cell) <= 6 else int(cell) if cell.isdecimal() and len(cell) < 9 else cell
        )
    except ValueError:
        return cell


def _library() -> Any:
    try:
        import openpyxl
        import openpyxl.drawing.image
        import openpyxl.worksheet.datavalidation
    except ImportError as error:
        raise ConfigError(".xlsx needs openpyxl.", hint="pip install 'labelaudit[sheets]'") from error
    return openpyxl
