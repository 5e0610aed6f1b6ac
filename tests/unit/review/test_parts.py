import numpy as np
import pytest

from labelaudit.core.decisions import Known
from labelaudit.review.agreement import Agreement, agreements
from labelaudit.review.book import is_disputed
from labelaudit.review.leases import HELD_S, Leases
from labelaudit.review.orders import Orders, Wanted
from labelaudit.review.reckoner import is_unsure
from labelaudit.review.sight import Picture, _Kept
from tests.gate_audit import Row, write_rows


def said(who, decision="ok", label="", kind=""):
    return Known("aa", "cat", decision, label, who, kind=kind)


def test_a_lease_ends_when_the_tab_falls_silent():
    time = [0.0]
    leases = Leases(lambda: time[0])
    leases.take("a", [1, 2])
    assert leases.elsewhere("b", 4).tolist() == [False, True, True, False]
    assert not leases.elsewhere("a", 4).any()
    leases.done("a", [1])
    time[0] = HELD_S
    assert leases.elsewhere("b", 4).tolist() == [False, False, True, False]
    leases.renew("a")
    time[0] += HELD_S + 1
    assert not leases.elsewhere("b", 4).any()


def test_tabs_that_nobody_closes_are_forgotten():
    leases = Leases(lambda: 0.0)
    for tab in range(1000):
        leases.take(str(tab), [0])
    assert len(leases._rows) == 200


def test_the_largest_pair_comes_first_and_its_worst_sample_before_the_others(tmp_path):
    from labelaudit.gate.columns import read_columns

    rows = [
        Row("1", "cat", 0.4, "dog"),
        Row("2", "dog", 0.1, "cat"),
        Row("3", "cat", 0.3, "dog"),
        Row("4", "cat", 0.2),
        Row("5", "cow", 0.9, "dog"),
    ]
    orders = Orders(read_columns(write_rows(tmp_path, rows).findings_path))
    assert orders.rows(Wanted("suspicion")).tolist() == [1, 3, 2, 0, 4]
    assert orders.rows(Wanted("pair"))[:2].tolist() == [2, 0]
    assert orders.rows(Wanted("class")).tolist() == [3, 2, 0, 1]
    assert orders.rows(Wanted("pair", "cat", "")).tolist() == [3]
    open_ = np.array([True, True, False, True, True])
    pairs = [(pair.given, pair.suggested, pair.suspects, pair.open) for pair in orders.pairs(open_, 10)]
    assert pairs[0] == ("cat", "dog", 2, 1)
    assert sorted(pairs[1:], key=str) == [("cat", None, 1, 1), ("dog", "cat", 1, 1)]
    assert len(orders.pairs(open_, 1)) == 1


def test_people_agree_where_their_decisions_come_to_the_same():
    opinions = [
        {"Ann": said("Ann"), "Ben": said("Ben", "wrong", "cat")},  # he names the given one
        {
            "Ann": said("Ann", "wrong", "dog"),
            "Ben": said("Ben", "wrong", "dog"),
            "Cy": said("Cy", "wrong", kind="drop"),
        },
        {"Ann": said("Ann", "open", kind="ambiguous"), "Ben": said("Ben")},
        {"Ann": said("Ann")},
    ]
    assert agreements(opinions) == [
        Agreement("Ann", "Ben", both=3, alike=2),
        Agreement("Ann", "Cy", both=1, alike=0),
        Agreement("Ben", "Cy", both=1, alike=0),
    ]


@pytest.mark.parametrize(
    ("labels", "disputed"),
    [
        (["dog"], False),
        (["dog", "dog"], False),
        (["dog", "cow"], True),
        (["dog", "cow", "dog"], False),  # two of three, and the last of them counts
        (["dog", "dog", "cow"], True),  # the last one counts, and most say otherwise
        (["dog", "cow", "pig"], True),
    ],
)
def test_a_sample_is_disputed_while_what_counts_is_not_what_most_say(labels, disputed):
    names = ["Ann", "Ben", "Cy"]
    opinions = {who: said(who, "wrong", label) for who, label in zip(names, labels, strict=False)}
    assert is_disputed(opinions) is disputed


@pytest.mark.parametrize(
    ("results", "unsure"),
    [
        ({"noise_rate": 0.1, "noise_interval": [0.08, 0.12]}, False),
        ({"noise_rate": 0.1, "noise_interval": [0.02, 0.2]}, True),
        ({"noise_rate": 0.01, "noise_interval": [0.0, 0.04]}, False),  # narrow, if not beside the rate
        ({"noise_rate": 0.4, "noise_interval": [0.3, 0.5]}, False),
        ({"noise_rate": 0.1, "noise_interval": None}, True),
        ({"noise_rate": 0.1, "noise_interval": [0.09, 0.11], "doubts": [{"kind": "not-learnt"}]}, True),
    ],
)
def test_an_audit_is_unsure_where_its_rate_is_hardly_known(results, unsure):
    assert is_unsure(results) is unsure


def test_the_pictures_least_used_are_forgotten_first():
    kept = _Kept(10)
    kept.put((1, "small"), Picture(b"12345", "image/png"))
    kept.put((2, "small"), Picture(b"1234", "image/png"))
    assert kept.get((1, "small")) is not None
    kept.put((3, "small"), Picture(b"123", "image/png"))
    assert [kept.get((row, "small")) is not None for row in (1, 2, 3)] == [True, False, True]
