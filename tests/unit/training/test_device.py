"""Device and precision by name."""

import platform

import pytest
import torch

from labelaudit.core.errors import ConfigError
from labelaudit.training.device import choose_device, choose_precision, describe_device, keep_freed_memory

MISSING = torch.cuda.device_count() + 7


def refusal(name: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        choose_device(name)
    return caught.value


def test_the_cpu_is_always_there():
    assert choose_device("cpu") == torch.device("cpu")


def test_auto_takes_the_best_that_is_there():
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device("auto").type == choose_device().type == best


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "CPU", "meta", "xpu"])
def test_an_unknown_device_is_told_with_the_known_ones(name):
    error = refusal(name)
    assert error.problem == f"device {name!r} is not known."
    assert error.hint == "Use auto, cpu, cuda, cuda:1 or mps."


def test_a_missing_cuda_device_is_told_with_how_many_there_are():
    error = refusal(f"cuda:{MISSING}")
    assert error.problem == f"device 'cuda:{MISSING}' is not there: {MISSING - 7} CUDA devices found."
    assert error.hint == "Use --device auto to take what there is."


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_a_number_is_refused_where_there_is_none():
    assert refusal("cuda").problem == "device 'cuda' is not there: 0 CUDA devices found."


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is an Apple GPU")
def test_an_apple_gpu_is_refused_where_there_is_none():
    assert refusal("mps").problem == "device 'mps' is not there."


@pytest.mark.parametrize("name", ["cpu", "cuda", "mps"])
def test_a_precision_that_is_asked_for_is_given_on_every_device(name):
    assert choose_precision(torch.device(name), "fp32") is torch.float32
    assert choose_precision(torch.device(name), "bf16") is torch.bfloat16


def test_auto_precision_is_float32_where_bfloat16_has_no_instructions():
    assert choose_precision(torch.device("mps"), "auto") is torch.float32
    if platform.machine() not in ("x86_64", "AMD64"):
        assert choose_precision(torch.device("cpu"), "auto") is torch.float32


@pytest.mark.skipif(platform.system() != "Linux", reason="reads /proc/cpuinfo")
def test_auto_precision_of_a_cpu_follows_its_flags(tmp_path):
    with open("/proc/cpuinfo") as file:  # noqa: PTH123
        flags = next((line for line in file if line.startswith("flags")), "").split()
    expected = torch.bfloat16 if {"avx512_bf16", "amx_bf16"} & set(flags) else torch.float32
    assert choose_precision(torch.device("cpu"), "auto") is expected


def test_a_cpu_is_described_with_its_threads():
    assert describe_device(torch.device("cpu")).startswith(f"CPU, {torch.get_num_threads()} threads, ")
    assert describe_device(torch.device("mps")) == "Apple GPU (MPS)"


def test_freed_memory_is_kept_where_the_c_library_can_be_asked():
    assert keep_freed_memory() is (platform.libc_ver()[0] == "glibc")
