"""Settings that are measured on the machine; the machines here are made up."""

from dataclasses import replace

import pytest
import torch

from labelaudit.scanning import pace
from labelaudit.scanning.pace import threads, tuned
from labelaudit.scanning.recipes import Facts
from labelaudit.scanning.request import Prepared
from tests.recipes import choose_recipe

CPU = torch.device("cpu")


class Images:
    kind = "images"

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n


def prepared(n=100_000, **train):
    recipe, why = choose_recipe(Facts("images", n, 10, 32))
    recipe = replace(recipe, train=replace(recipe.train, **train))
    return Prepared(Images(n), recipe, why, CPU)  # type: ignore[arg-type]


def machine(bf16=1.0, compiled=1.0, fewer=1.0, base=4000.0, tried=None):
    """Return a made-up machine: samples/s, and how many times as fast each setting makes it."""

    def rate(_, recipe):
        train = recipe.train
        if tried is not None:
            tried.append((train.precision, train.compile, train.threads))
        gain = (bf16 if train.precision == "bf16" else 1) * (fewer if train.threads else 1)
        return base * gain * (compiled if train.compile == "yes" else 1)

    return rate


@pytest.fixture(autouse=True)
def _processor(monkeypatch):
    """Make it a processor with bf16 and a compiler, and two threads, whatever the tests run on."""

    def auto_is_bf16(_, setting):
        return torch.float32 if setting == "fp32" else torch.bfloat16

    monkeypatch.setattr(pace, "choose_precision", auto_is_bf16)
    monkeypatch.setattr(pace, "can_compile", lambda _: True)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)


@pytest.mark.parametrize(("bf16", "expected"), [(2.0, "bf16"), (0.5, "fp32")])
def test_the_faster_precision_is_taken_and_said(bf16, expected):
    found = tuned(prepared(), rate_of=machine(bf16=bf16), load=0.0)
    assert found.recipe.train.precision == expected
    assert f"measured here: {expected} trains 2.0 times as fast as " in found.why


def test_what_was_asked_for_is_not_tried():
    tried: list[object] = []
    found = tuned(prepared(precision="fp32", compile="no"), rate_of=machine(bf16=9.0, tried=tried), load=0.0)
    assert found.recipe.train.precision == "fp32"
    assert tried == []


def test_a_short_scan_is_not_held_up_by_trying():
    short = prepared(n=1000)
    assert tuned(short, rate_of=machine(bf16=2.0), load=0.0) is short


def test_bfloat16_is_not_tried_where_the_processor_lacks_it(monkeypatch):
    monkeypatch.setattr(pace, "choose_precision", lambda *_: torch.float32)
    tried: list[tuple[str, str, int]] = []
    found = tuned(prepared(), rate_of=machine(tried=tried), load=0.0)
    assert found.recipe.train.precision == "fp32"
    assert {precision for precision, *_ in tried} == {"fp32"}


@pytest.mark.parametrize(("load", "fewer", "expected"), [(2.0, 1.5, 1), (2.0, 1.1, 0), (0.1, 1.5, 0)])
def test_fewer_threads_are_taken_on_a_busy_machine_where_they_are_clearly_faster(monkeypatch, load, fewer, expected):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    found = tuned(prepared(), rate_of=machine(fewer=fewer), load=load)
    assert found.recipe.train.threads == expected


@pytest.mark.parametrize(
    ("n", "compiled", "expected"), [(100_000, 1.5, "yes"), (100_000, 1.1, "no"), (10_000, 1.5, "no")]
)
def test_compiling_is_taken_where_a_long_scan_pays_for_it(n, compiled, expected):
    found = tuned(prepared(n), rate_of=machine(compiled=compiled), load=0.0)
    assert found.recipe.train.compile == expected


def test_a_compiler_that_fails_does_not_end_the_scan():
    def rate(_, recipe):
        if recipe.train.compile == "yes":
            raise torch._dynamo.exc.InternalTorchDynamoError("no headers")
        return 4000.0

    assert tuned(prepared(), rate_of=rate, load=0.0).recipe.train.compile == "no"


def test_threads_are_put_back(monkeypatch):
    monkeypatch.undo()
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_even_a_short_scan_tries_fewer_threads_where_the_machine_is_busy(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert tuned(prepared(n=1000), rate_of=machine(fewer=30.0), load=5.0).recipe.train.threads == 1
    assert tuned(prepared(n=100), rate_of=machine(fewer=30.0), load=5.0).recipe.train.threads == 0
