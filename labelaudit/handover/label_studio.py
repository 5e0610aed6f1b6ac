"""Label Studio: tasks with predictions and scores, the labelling config that fits them, and annotations back.

What is easily lost there, and how it is kept:

- Predictions show only if `from_name`, `to_name` and the choices are those of the config: both are written together.
- Predictions of one model version show at a time: all have the same, which is chosen under Settings > Machine Learning.
- A score that is no number from 0 to 1 is not shown nor sorted by; none is written where there is none.
- Files on disk are served under /data/local-files/?d=, relative to LOCAL_FILES_DOCUMENT_ROOT, with slashes, and quoted:
  a blank or # in a name ends the address otherwise. A storage for them must be there, its path without a last slash.
- Tasks lose their order and their ids: the sample id is in `data`, and comes back with the annotation.
"""

from __future__ import annotations

import base64
import json
import mimetypes
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from labelaudit.core.shape import Misfit, anything, list_of, map_of, maybe, record
from labelaudit.handover.samples import MODEL_VERSION, Handed, Said

SERVED = "/data/local-files/?d="
_FROM, _TO = "label", "sample"
_DROP, _AMBIGUOUS = "(none of these)", "(cannot tell)"

_RESULTS = list_of(record(value=maybe(map_of(anything))))
_TASK = record(data=map_of(anything), annotations=list_of(record(result=maybe(_RESULTS))))


def render_tasks(samples: Sequence[Handed], *, root: str | None) -> str:
    """Return the tasks as JSON, an object for each sample.

    Args:
        samples: in the order in which they are to be looked at.
        root: the folder that Label Studio serves (LOCAL_FILES_DOCUMENT_ROOT); None = images are embedded.
    """
    tasks = [_task(sample, root) for sample in samples]
    return json.dumps(tasks, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def render_config(classes: Iterable[str], *, is_image: bool) -> str:
    """Return the labelling config: the sample, the classes as choices, and two ways out."""
    shown = f'<Image name="{_TO}" value="$image"/>' if is_image else f'<Text name="{_TO}" value="$text"/>'
    names = [*classes, _AMBIGUOUS, _DROP]
    choices = "\n".join(f'    <Choice value="{escape(name)}"/>' for name in names)
    return (
        f'<View>\n  {shown}\n  <Header value="$why"/>\n'
        f'  <Choices name="{_FROM}" toName="{_TO}" choice="single-radio" required="true">\n{choices}\n  </Choices>\n'
        f'  <TextArea name="note" toName="{_TO}" placeholder="note"/>\n</View>\n'
    )


def read_annotations(tasks: Any) -> list[Said]:
    """Return what people said in an export ("JSON", or "JSON-MIN"); raises ValueError where it is none.

    Annotations that were skipped count for nothing; of several of one person, the last counts.
    """
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise ValueError("a list of tasks is expected")
    for number, task in enumerate(tasks, start=1):
        _TASK(task, f"task {number}")
    return [said for number, task in enumerate(tasks, start=1) for said in _said(task, f"task {number}")]


def is_export(found: Any) -> bool:
    """Return whether JSON is an export of Label Studio."""
    first = found[0] if isinstance(found, list) and found else None
    if not isinstance(first, dict):
        return False
    return ("annotations" in first and "data" in first) or ("annotator" in first and "sample_id" in first)


def _task(sample: Handed, root: str | None) -> dict[str, Any]:
    facts = {
        "sample_id": sample.sample_id,
        "path": sample.path,
        "given_label": sample.given_label,
        "suggested_label": sample.suggested_label or "",
        "clean_prob": None if sample.clean_prob is None else round(sample.clean_prob, 4),
        "rank": sample.rank,
        "why": sample.why,
    }
    image = sample.embedded if sample.file is None else _address(sample.file, root)
    shown = {"text": sample.text or ""} if image is None else {"image": image}
    return {"data": {**shown, **facts}, "predictions": _predictions(sample)}


def _predictions(sample: Handed) -> list[dict[str, Any]]:
    if sample.suggested_label is None:
        return []
    choice = {
        "id": "suggested",
        "from_name": _FROM,
        "to_name": _TO,
        "type": "choices",
        "value": {"choices": [sample.suggested_label]},
    }
    prediction: dict[str, Any] = {"model_version": MODEL_VERSION, "result": [choice]}
    if sample.suggested_prob is not None:
        prediction["score"] = round(min(1.0, max(0.0, sample.suggested_prob)), 4)
    return [prediction]


def _address(file: str, root: str | None) -> str:
    """Return where Label Studio finds an image: among the files that it serves, else in the task itself."""
    if root is None:
        kind = mimetypes.guess_type(file)[0] or "image/png"
        return f"data:{kind};base64,{base64.b64encode(Path(file).read_bytes()).decode()}"
    return SERVED + quote(PurePath(file).relative_to(root).as_posix())


def _said(task: dict[str, Any], place: str) -> Iterator[Said]:
    data = task.get("data", task)
    sample = str(data.get("sample_id") or data.get("path") or "")
    given = data.get("given_label")
    if "annotations" not in task:  # JSON-MIN
        found = task.get(_FROM)
        choices = _list(found.get("choices")) if isinstance(found, dict) else _list(found)
        yield from _one(place, sample, given, choices, str(task.get("note") or ""), task.get("annotator"))
        return
    by_person: dict[str, list[Said]] = {}
    for annotation in task["annotations"]:
        if annotation.get("was_cancelled"):
            continue
        results = annotation.get("result") or []
        choices = [c for result in results if result.get("type") == "choices" for c in _of(result, "choices")]
        notes = [str(t) for result in results if result.get("type") == "textarea" for t in _of(result, "text")]
        who = annotation.get("completed_by")
        by_person[_name(who)] = [*_one(place, sample, given, choices, " ".join(notes), who)]
    for said in by_person.values():
        yield from said


def _of(result: dict[str, Any], name: str) -> list[Any]:
    return _list((result.get("value") or {}).get(name))


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [] if found is None else [found]


def _one(place: str, sample: str, given: Any, choices: list[Any], note: str, who: Any) -> Iterator[Said]:
    chosen = [choice for choice in choices if choice]
    if not chosen:
        return
    other = next((choice for choice in chosen if not isinstance(choice, str)), None)
    if other is not None:
        raise Misfit(f"{place}: a choice", other, "text")
    label = " and ".join(chosen)  # of several: no class, so the import says so
    kind = {_DROP: "drop", _AMBIGUOUS: "ambiguous"}.get(label, "")
    yield Said(
        place=place,
        sample=sample,
        given_label=None if given is None else str(given),
        verdict="wrong" if kind == "drop" else "",
        label="" if kind else label,
        kind=kind,
        note=note,
        who=_name(who),
    )


def _name(who: Any) -> str:
    """Return a person: a name or address where the export has it, else the number of the account."""
    if isinstance(who, dict):
        names = " ".join(str(who.get(name) or "") for name in ("first_name", "last_name")).strip()
        return str(who.get("email") or names or who.get("id") or "")
    return "" if who is None else f"label-studio:{who}" if isinstance(who, int) else str(who)
