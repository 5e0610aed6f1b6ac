"""From a request to what can be run: read and check data, choose device and recipe, fit them to time and machine."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from labelaudit.core.dataset import Dataset, ImageFiles, Images, Remark
from labelaudit.core.errors import ConfigError, DataError
from labelaudit.core.recipe import ModelSettings, Recipe
from labelaudit.functional.images import UnreadableImage, decode_image, image_size
from labelaudit.methods.registry import require_method
from labelaudit.scanning.pace import tuned_here, within_budget
from labelaudit.scanning.recipes import PRETRAINED_BACKBONE, Facts, recipe_for, resolved
from labelaudit.scanning.request import QUICK_METHOD, Asked, Prepared, Request, settle
from labelaudit.sources.probe import check_dataset
from labelaudit.sources.read import read_dataset
from labelaudit.training.device import choose_device
from labelaudit.training.models import default_weights, require_image_backbone


def prepare(
    request: Request,
    *,
    rates: Path | None = None,
    tune: bool = True,
    compiles: bool = True,
    decided: bool = False,
    several: bool = False,
) -> Prepared:
    """Read and check a dataset, choose its recipe, fit it to the budget and to this machine; nothing is trained.

    What won over what is said in `why`.

    Args:
        request: what was asked for.
        rates: file of training rates that earlier scans measured; None measures anew.
        tune: settle precision, threads and compilation, too.
        compiles: try compilation, which takes most of a minute where no earlier scan has.
        decided: whether people decided on labels, so that there is a trusted set that the dataset does not know of.
        several: samples may have several labels each: the dataset is then one of pairs, and only looked at.

    Raises:
        ConfigError: settings that cannot be used, or a trusted set is missing; found before anything slow begins.
        DataError: data that cannot be audited.
    """
    asked = settle(request)
    device = choose_device(asked.device)
    dataset = check_dataset(read_dataset(request.source, asked.data, several=several))
    if dataset.pairs_of is not None:
        asked = only_looking(asked)
    facts = dataset_facts(dataset.samples, device=device.type)
    dataset, model = _with_weights_at_hand(dataset, asked.model)
    recipe, why = recipe_for(facts, dataclasses.replace(asked, model=model))
    if not decided:
        require_trusted(recipe.method, dataset)
    prepared = Prepared(dataset, resolved(recipe, dataset), why, device, asked)
    if dataset.pairs_of is not None:
        return prepared
    if request.budget is not None and request.recipe is None:
        prepared = within_budget(prepared, request.budget, began=request.began)
    elif request.budget is not None:
        said = f"{prepared.why}; the recipe {request.recipe} wins over the budget {request.budget}"
        prepared = dataclasses.replace(prepared, why=said)
    return tuned_here(prepared, rates, compiles=compiles) if tune else prepared


def prepare_again(source: Path | str, recipe: Recipe, *, several: bool = False) -> Prepared:
    """Return a dataset with the recipe of a scan or a training that was stopped, as it is.

    Raises:
        DataError: data that cannot be audited.
    """
    dataset = check_dataset(read_dataset(source, recipe.data, several=several))
    why = f"the recipe of the scan that is resumed ({recipe.name})"
    return Prepared(dataset, recipe, why, choose_device(recipe.device))


def only_looking(asked: Asked) -> Asked:
    """Return what was asked for with the only method that audits several labels a sample.

    Raises:
        ConfigError: another method was asked for.
    """
    if asked.method not in (None, QUICK_METHOD) or asked.name.partition(":")[0] == "paper":
        raise ConfigError(
            f"several labels a sample are audited by --method {QUICK_METHOD} only, each label against the rest.",
            hint="Leave --method and --recipe away; or audit one label: --label-column NAME, where each has a column.",
        )
    return dataclasses.replace(asked, method=QUICK_METHOD)


def _with_weights_at_hand(dataset: Dataset, model: ModelSettings) -> tuple[Dataset, ModelSettings]:
    """Fetch default weights now; where they cannot be fetched, say so in one line and start from scratch."""
    if model.weights == "none" or dataset.kind != "images":
        return dataset, dataclasses.replace(model, weights="none")  # nothing but images has pretrained networks
    backbone = PRETRAINED_BACKBONE if model.backbone == "auto" else model.backbone
    require_image_backbone(backbone)
    if model.weights == "default":
        try:
            default_weights(backbone)
        except (OSError, RuntimeError) as error:
            text = f"the default weights of {backbone} cannot be fetched ({str(error).splitlines()[0]}): from scratch"
            return dataset.with_remarks(Remark("warning", text)), dataclasses.replace(model, weights="none")
    return dataset, dataclasses.replace(model, backbone=backbone)


def dataset_facts(dataset: Dataset, *, device: str) -> Facts:
    """Return what a recipe is chosen by.

    Raises:
        DataError: not one of the sampled images can be read.
    """
    content = dataset.content
    if not isinstance(content, Images):
        return Facts(content.kind, len(dataset), dataset.n_classes, None, device=device)
    side = median_size(content)
    if side is None:
        raise DataError(
            f"{dataset.source}: none of the {len(dataset):,} images can be read.",
            hint=f"Is {dataset.paths[0]} an image that other programs open?",
        )
    return Facts("images", len(dataset), dataset.n_classes, side, grey=_is_grey(content, dataset.paths), device=device)


def median_size(images: Images, sample: int = 512) -> int | None:
    """Return the median short side in pixels of an evenly spaced sample, None when no image can be read."""
    count = min(sample, len(images))
    sides = [_short_side(images, int(index)) for index in np.linspace(0, len(images) - 1, count)]
    known = [side for side in sides if side is not None]
    return int(np.median(known)) if known else None


def _short_side(images: Images, index: int) -> int | None:
    try:
        if isinstance(images, ImageFiles):  # the header only, not the whole file
            with images.files[index].open("rb") as file:
                return min(image_size(file))
        return min(image_size(images.read(index)))
    except (UnreadableImage, OSError):
        return None


def _is_grey(images: Images, names: tuple[str, ...], *, sample: int = 32) -> bool:
    """Whether an evenly spaced sample of the images holds no colour at all."""
    seen = False
    for index in np.unique(np.linspace(0, len(images) - 1, sample).astype(int)):
        try:
            pixels = decode_image(images.read(int(index)), names[index], 32).pixels
        except (OSError, UnreadableImage):
            continue
        if (pixels.max(axis=2) != pixels.min(axis=2)).any():
            return False
        seen = True
    return seen


def require_trusted(method: str, dataset: Dataset) -> None:
    """Raise ConfigError where a method cannot do without a trusted set, and there is none."""
    if dataset.trusted.any() or dataset.kind == "probs" or not getattr(require_method(method), "NEEDS_TRUSTED", False):
        return
    where = "a table with a column 'trusted', --trusted TABLE with the ids of samples"
    folder = ", or --trusted FOLDER with one sub-folder per class" if dataset.kind == "images" else ""
    raise ConfigError(
        f"method {method!r} needs a trusted set: about 10 samples of each class whose labels you have checked.",
        hint=f"Give {where}{folder}.",
    )
