"""Suspects as a workbook."""

import io

import openpyxl
import pandas as pd

from labelaudit.exports.people import COLUMNS, for_people
from labelaudit.exports.sheets import render_sheet


def test_no_suspects_make_a_sheet_of_its_header():
    empty = for_people(pd.DataFrame(), {}, certain=0, decided={})
    images: dict[str, bytes] = {}
    book = openpyxl.load_workbook(io.BytesIO(render_sheet(empty, images.get)))
    assert [[cell.value for cell in row] for row in book.active.iter_rows()] == [[None, *COLUMNS]]
