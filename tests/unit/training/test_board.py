"""Notes on torchrun's store: who starts together, over which network, and why a rank ended."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from torch.distributed import HashStore  # type: ignore[attr-defined]  # public, but not in its stub

from labelaudit.training.board import (
    agree_on_start,
    interface_of,
    interface_to_others,
    last_word,
    leave_word,
    own_address,
)


def starts(board: HashStore, size: int) -> list[str]:
    with ThreadPoolExecutor(size) as ranks:
        return list(ranks.map(lambda rank: agree_on_start(board, rank, size, timeout_s=20), range(size)))


def test_all_ranks_of_a_start_learn_one_word_and_each_start_has_another():
    board = HashStore()
    first, second = starts(board, 3), starts(board, 3)  # torchrun keeps its store between them
    assert len(set(first)) == 1
    assert len(set(second)) == 1
    assert first[0] != second[0]


def test_notes_of_lost_ranks_mislead_nobody():
    board = HashStore()
    board.set("labelaudit/here/1", "lost")
    board.set("labelaudit/start/lost", "old")
    board.set("labelaudit/agreed/old/1", "")
    words = starts(board, 2)
    assert words[0] == words[1] != "old"


def test_a_rank_that_does_not_come_is_named():
    board = HashStore()
    board.set("labelaudit/here/1", "lost")
    with pytest.raises(TimeoutError, match=r"rank 1 did not come within 0 s"):
        agree_on_start(board, 0, 3, timeout_s=0.1)


def test_on_one_machine_gloo_may_choose_the_interface():
    board = HashStore()
    board.set("labelaudit/address/1", "127.0.0.1")
    assert interface_to_others(board, 0, 2, first="127.0.0.1") is None
    assert board.get("labelaudit/address/0") == b"127.0.0.1"


@pytest.mark.skipif(sys.platform != "linux", reason="interfaces are looked up on Linux alone")
def test_an_interface_is_known_by_its_address():
    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("192.0.2.1") is None  # reserved for documentation: nobody has it


@pytest.mark.skipif(sys.platform != "linux", reason="interfaces are looked up on Linux alone")
def test_a_machine_that_knows_itself_as_127_0_0_1_looks_towards_the_others():
    try:
        address = own_address("192.0.2.1")
    except OSError:
        pytest.skip("this machine has no network")
    board = HashStore()
    board.set("labelaudit/address/1", address)
    assert interface_to_others(board, 0, 2, first="127.0.0.1") == interface_of(address) != "lo"


def test_last_words_are_read_back_and_silence_is_none():
    board = HashStore()
    assert last_word(board, 1) is None
    leave_word(board, 1, "the disk is full.", 3)
    assert last_word(board, 1, wait_s=1.0) == ("the disk is full.", 3)
    assert last_word(None, 1) is None
