"""Imports without the garbage collector, which comes back however they end."""

import gc

import pytest

from labelaudit.cli.imports import importing


def test_nothing_is_collected_while_importing_and_everything_is_left_alone_afterwards():
    kept: list[list[int]] = [[] for _ in range(1000)]
    try:
        with importing():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() > len(kept)
    finally:
        gc.unfreeze()


def test_a_failed_import_turns_the_collector_on_again():
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()
