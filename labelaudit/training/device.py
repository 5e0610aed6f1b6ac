"""The only place that chooses a device and a precision."""

from __future__ import annotations

import ctypes
import platform
import sys
from pathlib import Path
from typing import Literal

import torch

from labelaudit.core.errors import ConfigError, TrainingError


class DeviceLost(TrainingError):  # noqa: N818 - reads as what happened
    """The device failed or went away; what was trained before lies in checkpoints."""


def lost_device(error: BaseException) -> DeviceLost | None:
    """Return the error to tell where a device went away or refuses to go on; None for any other one."""
    kind = getattr(torch, "AcceleratorError", ())  # torch before 2.8 raises RuntimeError
    text = str(error).strip()
    said = isinstance(error, RuntimeError) and text.startswith(("CUDA error", "HIP error", "CUDA driver error"))
    if isinstance(error, torch.OutOfMemoryError) or not (said or isinstance(error, kind)):
        return None
    return DeviceLost(
        f"the device failed: {text.splitlines()[0].rstrip('.') if text else type(error).__name__}.",
        hint="The same command with --resume goes on from the last checkpoint, once the device is back.",
    )


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of a name: auto (CUDA, then Apple's MPS, then the CPU), cpu, cuda, cuda:1, mps.

    Raises:
        ConfigError: the device is unknown or not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise _unknown_device(name) from None
    if device.type not in ("cpu", "cuda", "mps"):  # torch knows more, such as meta, which holds no data
        raise _unknown_device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device {name!r} is not there: {torch.cuda.device_count()} CUDA devices found.",
            hint="Use --device auto to take what there is.",
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device 'mps' is not there.", hint="Use --device auto to take what there is.")
    return device


def choose_rank_device(name: str, local_rank: int, ranks: int) -> torch.device:
    """Return the device of one of several ranks: the GPU with its local number, or the CPU.

    Raises:
        ConfigError: there is no such GPU, or one device is named for all.
    """
    if ranks > 1 and name in ("auto", "cuda") and torch.cuda.is_available():
        if local_rank >= torch.cuda.device_count():
            raise ConfigError(
                f"local rank {local_rank} has no GPU: {torch.cuda.device_count()} found on this machine.",
                hint="Start as many processes as there are GPUs, or use --device cpu.",
            )
        torch.cuda.set_device(local_rank)  # from here on "auto" and "cuda" are this one
    device = choose_device(name)
    if ranks > 1 and (device.type == "mps" or (device.type == "cuda" and ":" in name)):
        raise ConfigError(f"device {name!r} cannot be shared by {ranks} ranks.", hint="Use --device auto or cpu.")
    return device


def choose_precision(device: torch.device, setting: Literal["auto", "fp32", "bf16"]) -> torch.dtype:
    """Return bfloat16 where the processor computes in it, float32 elsewhere or where it is asked for."""
    if setting != "auto":
        return torch.bfloat16 if setting == "bf16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if device.type == "cpu" and _cpu_computes_bf16() else torch.float32


def holds(device: torch.device, n_bytes: int) -> bool:
    """Whether this many bytes of samples may live on the device for the whole scan.

    Half of what a GPU has free; a gigabyte of a CPU's memory, above which the operating system's own cache of the
    mapped file serves better than a copy.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return n_bytes <= free // 2
    return n_bytes <= 2**30


def describe_device(device: torch.device) -> str:
    """Return the device in words: "NVIDIA H100 80GB HBM3", "CPU, 2 threads, AMD EPYC"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU (MPS)"
    return f"CPU, {torch.get_num_threads()} threads, {_cpu_name()}"


def _unknown_device(name: str) -> ConfigError:
    return ConfigError(f"device {name!r} is not known.", hint="Use auto, cpu, cuda, cuda:1 or mps.")


def _cpu_computes_bf16() -> bool:
    """Whether the CPU has bf16 dot products (AVX512-BF16, AMX); emulated bf16 would be slower than fp32."""
    flags = _cpuinfo("flags").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _cpu_name() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _cpuinfo(key: str) -> str:
    """Return the first value of a key in /proc/cpuinfo, empty where there is none (macOS, Windows)."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return ""
    for line in path.read_text(errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def keep_freed_memory() -> bool:
    """Ask glibc to keep large freed blocks instead of giving them back; return whether it could be asked.

    Every layer's output is a few megabytes, which glibc takes from and returns to the kernel each time; the page
    faults cost more than the small networks' arithmetic (measured: 1.5 times the training throughput).
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # musl has no mallopt
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, 1 << 30) and mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1))


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
