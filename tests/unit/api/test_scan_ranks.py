"""How a scan meets several ranks, as far as one process can see it."""

import pytest

from labelaudit.core.errors import ConfigError
from labelaudit.training.ranks import ALONE, Ranks, launched_ranks, require_work_for_all


def test_parts_that_are_too_small_are_refused_with_the_figures():
    with pytest.raises(ConfigError, match=r"2 ranks would work on 7 samples each of a batch of 14: expected 8 or more"):
        require_work_for_all(Ranks(size=2), 14, 128)
    with pytest.raises(ConfigError, match=r"20 ranks would work on 6 samples each of a batch of 128"):
        require_work_for_all(Ranks(size=20), 5000, 128)
    require_work_for_all(Ranks(size=16), 5000, 128)
    require_work_for_all(ALONE, 3, 128)


def test_the_place_among_the_ranks_is_torchruns(monkeypatch):
    assert launched_ranks() == ALONE
    told = {"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "a"}
    for name, value in (told | {"MASTER_PORT": "1", "TORCHELASTIC_RUN_ID": "job7"}).items():
        monkeypatch.setenv(name, value)
    assert launched_ranks() == Ranks(rank=3, size=4, local_rank=1, local_size=2, launch="job7")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "2")
    assert launched_ranks().restarts == 2
    monkeypatch.delenv("MASTER_PORT")  # only part of it: another program's variables
    assert launched_ranks() == ALONE
