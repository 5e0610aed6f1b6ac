"""`labelaudit export-model`: a trained classifier for programs that know nothing of labelaudit."""

from __future__ import annotations

from pathlib import Path

from labelaudit.core.errors import ConfigError, DataError, did_you_mean
from labelaudit.training.exported import FORMATS
from labelaudit.training.model_file import find_model, read_model


def export_model(model: Path | str, *, format: str = "torch", out: Path | str | None = None) -> Path:  # noqa: A002
    """Write a classifier as a program of torch.export or as ONNX, and return its path.

    It takes images as (B, 3, S, S) RGB on a 0..1 scale, or rows of encoded numbers (B, D), and gives probabilities
    (B, C): normalisation, mirror images and the mean over networks are inside.

    Args:
        model: a `model.safetensors`, or the folder that has it.
        format: torch (a .pt2 file) or onnx.
        out: where to write; None = beside the model.

    Raises:
        ConfigError: an unknown format, or what ONNX needs is not installed.
        DataError: the model is missing or damaged, or the file cannot be written.
    """
    if format not in FORMATS:
        hint = did_you_mean(format, FORMATS) or f"Known: {', '.join(FORMATS)}."
        raise ConfigError(f"--format {format!r} is not known.", hint=hint)
    suffix, write = FORMATS[format]
    path = find_model(model).with_suffix(suffix) if out is None else Path(out).expanduser()
    stored = read_model(model)
    try:
        write(stored, path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}.", hint="Choose another --output.") from error
    return path
