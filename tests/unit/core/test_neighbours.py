"""What an audit keeps of the samples beside a suspect."""

from __future__ import annotations

import numpy as np
import pytest

from labelaudit.core.audits import Audit
from labelaudit.core.errors import DataError
from labelaudit.core.neighbours import NAME, read_neighbours

GOOD = {"sample": np.array([2, 5]), "given": np.array([[1, 0], [3, -1]]), "suggested": np.array([[4, -1], [-1, -1]])}


def audit_with(tmp_path, **arrays) -> Audit:
    audit = Audit.create(tmp_path, method="probe", facts={})
    audit.write_arrays(NAME, **(GOOD | arrays))
    return audit


def test_neighbours_are_those_of_the_row(tmp_path):
    found = read_neighbours(audit_with(tmp_path), 6)
    assert found is not None
    assert [found.of(row) for row in (2, 5, 3)] == [([1, 0], [4]), ([3], []), ([], [])]


def test_an_audit_without_vectors_keeps_none(tmp_path):
    assert read_neighbours(Audit.create(tmp_path, method="probe", facts={}), 6) is None


@pytest.mark.parametrize(
    "broken",
    [
        {"sample": np.array([2])},
        {"given": np.array([[1, 6], [3, -1]])},
        {"suggested": np.array([[-2, 0], [0, 0]])},
        {"sample": np.array([[2, 5]])},
        {"given": np.array(["a", "b"])},
    ],
)
def test_neighbours_that_do_not_fit_are_refused(tmp_path, broken):
    with pytest.raises(DataError, match=r"neighbours\.npz"):
        read_neighbours(audit_with(tmp_path, **broken), 6)
