"""Find the wrong labels of a dataset: which ones, what they should be, and how sure.

    >>> import labelaudit
    >>> audit = labelaudit.scan("photos/")     # trains a detector, writes .labelaudit/audits/...
    >>> audit.suspects                         # a DataFrame, most suspicious first
    >>> audit.summary                          # a dict: noise rate, counts, worst samples
    >>> labelaudit.export(audit, "suspect.csv")
    >>> labelaudit.load(".labelaudit")         # the latest audit of a folder

Names are imported when they are first used: `import labelaudit` costs nothing, only `scan` needs torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from labelaudit.core.version import VERSION

if TYPE_CHECKING:
    from labelaudit.api.apply import apply as apply
    from labelaudit.api.apply import undo as undo
    from labelaudit.api.ask import ask as ask
    from labelaudit.api.audits import audits as audits
    from labelaudit.api.audits import compare as compare
    from labelaudit.api.audits import remove_audits as remove_audits
    from labelaudit.api.audits import verify as verify
    from labelaudit.api.baseline import baseline as baseline
    from labelaudit.api.bench import bench as bench
    from labelaudit.api.check import check as check
    from labelaudit.api.demo import demo as demo
    from labelaudit.api.export import export as export
    from labelaudit.api.export import hand_over as hand_over
    from labelaudit.api.export_model import export_model as export_model
    from labelaudit.api.import_ import import_ as import_
    from labelaudit.api.init import init as init
    from labelaudit.api.inspect import inspect as inspect
    from labelaudit.api.judge import judge as judge
    from labelaudit.api.load import load as load
    from labelaudit.api.load import show as show
    from labelaudit.api.mark import mark as mark
    from labelaudit.api.methods import list_methods as list_methods
    from labelaudit.api.plant import plant as plant
    from labelaudit.api.predict import predict as predict
    from labelaudit.api.report import write_report as write_report
    from labelaudit.api.reproduce import reproduce as reproduce
    from labelaudit.api.review import open_review as open_review
    from labelaudit.api.scan import scan as scan
    from labelaudit.api.train import train as train
    from labelaudit.api.update import update as update
    from labelaudit.core.audits import Audit as Audit
    from labelaudit.core.errors import ConfigError as ConfigError
    from labelaudit.core.errors import DataError as DataError
    from labelaudit.core.errors import LabelAuditError as LabelAuditError
    from labelaudit.core.errors import TrainingError as TrainingError
    from labelaudit.progress import Progress as Progress


__version__ = VERSION

_HOMES = {
    "scan": "labelaudit.api.scan",
    "inspect": "labelaudit.api.inspect",
    "export": "labelaudit.api.export",
    "audits": "labelaudit.api.audits",
    "compare": "labelaudit.api.audits",
    "remove_audits": "labelaudit.api.audits",
    "write_report": "labelaudit.api.report",  # `labelaudit.report` is the package that draws it
    "hand_over": "labelaudit.api.export",
    "demo": "labelaudit.api.demo",
    "load": "labelaudit.api.load",
    "show": "labelaudit.api.load",
    "judge": "labelaudit.api.judge",
    "update": "labelaudit.api.update",
    "verify": "labelaudit.api.audits",
    "import_": "labelaudit.api.import_",
    "init": "labelaudit.api.init",
    "ask": "labelaudit.api.ask",
    "apply": "labelaudit.api.apply",
    "undo": "labelaudit.api.apply",
    "check": "labelaudit.api.check",
    "baseline": "labelaudit.api.baseline",
    "mark": "labelaudit.api.mark",
    "open_review": "labelaudit.api.review",  # `labelaudit.review` is the room of the page
    "train": "labelaudit.api.train",
    "predict": "labelaudit.api.predict",
    "export_model": "labelaudit.api.export_model",
    "list_methods": "labelaudit.api.methods",  # `labelaudit.methods` is the package that they are in
    "bench": "labelaudit.api.bench",
    "plant": "labelaudit.api.plant",
    "reproduce": "labelaudit.api.reproduce",
    "Progress": "labelaudit.progress",
    "Audit": "labelaudit.core.audits",
    "LabelAuditError": "labelaudit.core.errors",
    "ConfigError": "labelaudit.core.errors",
    "DataError": "labelaudit.core.errors",
    "TrainingError": "labelaudit.core.errors",
}
__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'labelaudit' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
