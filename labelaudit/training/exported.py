"""A stored classifier as one module that other programs can run: from plain inputs to probabilities."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from labelaudit.core.errors import ConfigError
from labelaudit.core.files import write_atomically
from labelaudit.core.installed import pip_install
from labelaudit.training.model_file import StoredModel, build_features, build_networks

_CPU = torch.device("cpu")


class Exported(nn.Module):
    """The whole way from inputs to the mean of the networks' softmax outputs, views included.

    Images come as (B, 3, S, S) RGB on a 0..1 scale, vectors as (B, D) numbers, encoded as the header of the model says.
    """

    def __init__(self, model: StoredModel) -> None:
        super().__init__()
        self.networks = nn.ModuleList(build_networks(model, _CPU))
        self.backbone = build_features(model, _CPU)
        self.flip = model.facts.images is not None and model.facts.images.flip
        images, features = model.facts.images, model.features
        if images is not None:
            self.register_buffer("means", torch.tensor(images.means).view(1, 3, 1, 1))
            self.register_buffer("deviations", torch.tensor(images.deviations).view(1, 3, 1, 1))
        if features is not None:
            self.register_buffer("feature_mean", features.mean.cpu())
            self.register_buffer("feature_deviation", features.deviation.cpu())
        self.sees_images = images is not None

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (B, C) probabilities."""
        views = [inputs]
        if self.sees_images:
            views = [(inputs - cast(Tensor, self.means)) / cast(Tensor, self.deviations)]
        if self.flip:
            views.append(views[0].flip(3))
        if self.backbone is not None:
            features = torch.stack([self.backbone(view) for view in views]).sum(dim=0)
            views = [(features - cast(Tensor, self.feature_mean)) / cast(Tensor, self.feature_deviation)]
        looks = [torch.softmax(network(view), dim=1) for network in self.networks for view in views]
        return torch.stack(looks).mean(dim=0)


def example_inputs(model: StoredModel, n: int = 2) -> Tensor:
    """Return (n, ...) inputs of the shape that the exported module takes."""
    images = model.facts.images
    shape = (n, model.facts.n_inputs) if images is None else (n, 3, images.size, images.size)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def export_torch(model: StoredModel, path: Path) -> None:
    """Write a program for `torch.export.load`, for batches of any size; `labelaudit.json` in it is the header."""
    program = torch.export.export(
        Exported(model).eval(), (example_inputs(model),), dynamic_shapes={"inputs": {0: torch.export.Dim("batch")}}
    )
    extra = {"labelaudit.json": json.dumps(model.facts.to_dict())}

    def write(part: Path) -> None:
        with part.open("wb") as file:
            torch.export.save(program, file, extra_files=extra)

    write_atomically(path, write)


def export_onnx(model: StoredModel, path: Path) -> None:
    """Write an ONNX file, for batches of any size.

    Raises:
        ConfigError: the extra `onnx` is not installed.
    """
    if not all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript")):  # which torch's exporter needs
        raise ConfigError("--format onnx needs onnx and onnxscript.", hint=pip_install("onnx"))

    def write(part: Path) -> None:
        program = torch.onnx.export(
            Exported(model).eval(),
            (example_inputs(model),),
            dynamo=True,
            verbose=False,
            input_names=["inputs"],
            output_names=["probs"],
            dynamic_shapes={"inputs": {0: torch.export.Dim("batch")}},
        )
        if program is None:
            raise AssertionError("torch.onnx.export returns a program where it writes no file")
        program.model.metadata_props["labelaudit"] = json.dumps(model.facts.to_dict())
        program.save(str(part), external_data=False)

    write_atomically(path, write)


FORMATS: dict[str, tuple[str, Callable[[StoredModel, Path], None]]] = {
    "torch": (".pt2", export_torch),
    "onnx": (".onnx", export_onnx),
}
