"""`labelaudit bench`: plant wrong labels in data that the user trusts, and see who finds them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labelaudit.api.frozen import with_features
from labelaudit.api.inputs import Loaded, load_inputs
from labelaudit.api.learn import judge_dataset, make_job, run_method
from labelaudit.api.prepare import Prepared, prepare
from labelaudit.bench.rivals import RIVALS, Opinion, cross_validated_probs
from labelaudit.core.dataset import BoolN, IntN
from labelaudit.core.errors import ConfigError, did_you_mean
from labelaudit.core.events import EventSink, Said, ignore
from labelaudit.core.findings import Action
from labelaudit.core.recipe import DataSettings, from_dict
from labelaudit.core.seeds import numpy_generator
from labelaudit.functional.metrics import (
    auroc,
    average_precision,
    brier,
    expected_calibration_error,
    f1,
    precision_at_k,
    true_false_positive_rates,
)
from labelaudit.functional.noise import parse_noise, plant, wrong_rate
from labelaudit.methods.registry import require_method


def bench(
    source: Path | str,
    *,
    noise: Sequence[str] = ("sym:0.2",),
    rivals: Sequence[str] = (),
    seeds: int = 1,
    recipe: str | None = None,
    device: str = "auto",
    overrides: Mapping[str, str] | None = None,
    on_event: EventSink = ignore,
    **data: Any,
) -> pd.DataFrame:
    """Return one row per noise, seed and method, with what each found of the planted errors.

    Args:
        source: a folder or table whose labels are trusted.
        noise: what to plant, e.g. "sym:0.2", "asym:0.4"; "none" plants nothing.
        rivals: of `RIVALS`; all of them judge the same five-fold cross-validated probabilities.
        seeds: repetitions with seeds 0, 1, ...
        recipe: as in `scan`.
        device: as in `scan`.
        overrides: as in `scan`.
        on_event: told what happens.
        **data: fields of `DataSettings`.

    Raises:
        ConfigError: an unknown rival or noise.
    """
    for name in rivals:
        if name not in RIVALS:
            raise ConfigError(
                f"rival {name!r} is not known.", hint=did_you_mean(name, RIVALS) or f"Known: {', '.join(RIVALS)}."
            )
    settings = from_dict(DataSettings, data, prefix="data.")
    rows = []
    prepared = prepare(source, recipe=recipe, data=settings, device=device, overrides=overrides)
    loaded = load_inputs(prepared.dataset, prepared.recipe, prepared.device, on_event)
    loaded = with_features(loaded, prepared.recipe, prepared.device, on_event)
    for text in noise:
        for seed in range(seeds):
            on_event(Said("note", f"{text}, seed {seed}"))
            mine = replace(prepared, recipe=replace(prepared.recipe, seed=seed))
            for row in _one_setting(mine, loaded, text, rivals, on_event):
                on_event(Said("note", _row_in_short(row)))
                rows.append(row)
    return pd.DataFrame(rows)


def _one_setting(
    prepared: Prepared, loaded: Loaded, text: str, rivals: Sequence[str], on_event: EventSink
) -> list[dict[str, Any]]:
    true = loaded.dataset.given
    given = _planted(loaded, text, seed=prepared.recipe.seed)
    noisy = replace(
        loaded, dataset=dataclasses.replace(loaded.dataset, given=given), conflict=np.zeros(len(given), bool)
    )
    setting = {"noise": text, "seed": prepared.recipe.seed, "samples": len(given), "wrong": wrong_rate(given, true)}
    rows = [setting | {"method": f"labelaudit {prepared.recipe.name}"} | _own_row(prepared, noisy, true, on_event)]
    if rivals:
        rows += [setting | row for row in _rival_rows(prepared, noisy, true, rivals, on_event)]
    return rows


def _row_in_short(row: Mapping[str, Any]) -> str:
    figures = ", ".join(f"{name} {row[name]:.4f}" for name in ("auroc", "ap", "p_at_k", "f1"))
    return f"{row['noise']}, seed {row['seed']}, {row['method']}: {figures}, {row['seconds']:.0f} s"


def _planted(loaded: Loaded, text: str, *, seed: int) -> IntN:
    given = loaded.dataset.given
    if text == "none":
        return given
    try:
        spec = parse_noise(text, loaded.dataset.n_classes, loaded.dataset.classes)
    except ValueError as error:
        raise ConfigError(f"--noise {text!r}: {error}") from error
    return plant(given, spec, numpy_generator(seed, "plant"))


def _own_row(prepared: Prepared, loaded: Loaded, true: IntN, on_event: EventSink) -> dict[str, Any]:
    started = time.monotonic()
    verdicts = run_method(loaded, prepared, checkpoints=None, on_event=on_event)
    judgements = judge_dataset(loaded, verdicts, prepared.recipe)
    seconds = time.monotonic() - started
    opinion = Opinion(
        score=1.0 - judgements.clean_prob.astype(np.float32).astype(np.float64),
        flagged=np.asarray(judgements.action != Action.KEEP, dtype=bool),
        suggested=judgements.suggested,
        noise_rate=judgements.noise_rate,
    )
    wrong = loaded.dataset.given != true
    return _figures(opinion, loaded.dataset.given, true) | {
        "brier": brier(judgements.clean_prob, ~wrong),
        "ece": expected_calibration_error(judgements.clean_prob, ~wrong),
        "seconds": seconds,
        "epochs": _epochs(prepared),
    }


def _rival_rows(
    prepared: Prepared, loaded: Loaded, true: IntN, rivals: Sequence[str], on_event: EventSink
) -> list[dict[str, Any]]:
    """Return a row per rival; a fold sees 4/5 of the samples, so each fold gets a quarter of the scan's epochs."""
    if loaded.inputs is None:
        raise ConfigError("rivals need samples to train on, not probabilities.")
    epochs = max(1, round(_epochs(prepared) / 4))
    on_event(Said("note", f"rivals: five folds of {epochs} epochs, the same network"))
    started = time.monotonic()
    job = make_job(loaded.inputs, loaded.dataset, prepared, checkpoints=None, on_event=on_event)
    peak_lr = float(prepared.recipe.options.get("peak_lr", 0.1))
    probs = cross_validated_probs(job, epochs=epochs, peak_lr=peak_lr)
    seconds = time.monotonic() - started
    given = loaded.dataset.given
    return [
        {"method": name}
        | _figures(RIVALS[name](given, probs), given, true)
        | {"seconds": seconds, "epochs": round(epochs * 5 * 0.8)}
        for name in rivals
    ]


def _epochs(prepared: Prepared) -> int:
    """Passes over all samples with gradients, both stages together."""
    options = from_dict(require_method(prepared.recipe.method).Options, prepared.recipe.options, prefix="method.")
    return int(options.stage1_epochs + options.stage2_epochs)


def _figures(opinion: Opinion, given: IntN, true: IntN) -> dict[str, float]:
    wrong: BoolN = given != true
    tpr, fpr = true_false_positive_rates(opinion.flagged, wrong)
    return {
        "auroc": auroc(opinion.score, wrong),
        "ap": average_precision(opinion.score, wrong),
        "p_at_k": precision_at_k(opinion.score, wrong),
        "f1": f1(opinion.flagged, wrong),
        "tpr": tpr,
        "fpr": fpr,
        "relabel_accuracy": float((opinion.suggested == true)[wrong].mean()) if wrong.any() else float("nan"),
        "flagged": float(opinion.flagged.mean()),
        "noise_rate_error": opinion.noise_rate - float(wrong.mean()),
    }
