"""What the published tables call a method, and which method, options and schedule that is here; or why it is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Name:
    """What a table's name of a method is here."""

    name: str  # first part of a setting's name
    method: str  # of the registry
    options: Mapping[str, str] = field(default_factory=dict)
    variant: str = ""
    schedule: str = ""  # of lab/published_schedules; empty: that of the method's own paper
    note: str = ""  # why figures of this name can be compared with reservations only
    trusted: Mapping[str, int] = field(default_factory=dict)  # dataset -> samples per class whose labels are trusted

    def schedule_on(self, dataset: str) -> str:
        """Return the schedule for a dataset: some stand for several."""
        if not self.schedule:
            return ""
        if dataset in _SCHEDULES_OF_DATA and self.schedule == "300":
            return _SCHEDULES_OF_DATA[dataset]
        return "resnet34-150" if (self.schedule, dataset) == ("resnet34", "cifar100") else self.schedule


_SCHEDULES_OF_DATA = {
    "clothing1m": "clothing1m",
    "webvision50": "webvision",
    "webvision-mini": "resnet50",
    "webvision": "resnet50",
}
_UNSTATED = "the schedule is not stated"


def _bootstrap(name: str, **options: str) -> Name:
    return Name(name, "bootstrap", {"variant": name, **options})


def _plain(name: str, method: str, **options: str) -> Name:
    return Name(name, method, options, schedule="300")


def _ieg(variant: str = "", *, per_class: int = 10, **options: str) -> Name:
    trusted = {"cifar10": 10, "cifar100": per_class, "webvision-mini": 10, "webvision": 10}
    return Name("ieg", "ieg", options, variant, trusted=trusted)


_CE, _MIXUP = _plain("ce", "ce"), _plain("mixup", "mixup", alpha="32")
_GCE, _SCE, _FORWARD = _plain("gce", "gce"), _plain("sce", "sce"), _plain("forward", "forward")
_REED = Name("static-hard", "bootstrap", {"variant": "static-hard"}, "300-epochs", schedule="300")
_M, _MD = _bootstrap("m-dyr-h"), _bootstrap("md-dyr-sh")
# L2R is IEG with weights alone: no labels of its own, no second view, no mixing (S1 calls it IEG-1).
_L2R = replace(
    _ieg(relabels="false", mixes="false", consistency_weight="0", strong_view="weak", given_share="1"), name="l2r"
)
_RESNET29 = {"model.backbone": "resnet29-v2"}
_BETTER = "the better of M-DYR-H and MD-DYR-SH in each cell"
_ABLATIONS = {
    "IEG-1 (=L2R)": _L2R,
    "IEG-2 lambda": _ieg("lambda", mixes="false", consistency_weight="0", strong_view="weak"),
    "IEG-3 AA+lambda": _ieg("lambda-aa", mixes="false", consistency_weight="0"),
    "IEG-4 MC+AA+lambda": _ieg("lambda-aa-mc", consistency_weight="0"),
    "IEG-6 no MC": _ieg("no-mc", mixes="false"),
    "IEG-7 no AA policy": _ieg("no-policy", strong_view="cutout"),
    "IEG no AA no cutout": _ieg("no-aa", strong_view="weak"),
    "IEG-8 no lambda": _ieg("no-lambda", relabels="false"),
}


def _elr_ablations() -> dict[str, Name]:
    """Return the eight rows of S0 Table 5: one or two networks, with or without mixing and averaging."""
    found = {}
    for nets in (1, 2):
        for mixes in (1, 0):
            for averages in (1, 0):
                variant = f"{nets}-net" + ("s" if nets > 1 else "") + "-mixup" * mixes + "-average" * averages
                options = {"learners": str(nets), "mixup_alpha": str(mixes)} | (
                    {} if averages else {"average_decay": "0"}
                )
                found[f"ELR ablation nets={nets} mixup={mixes} weightavg={averages}"] = Name(
                    "elr+", "elr+", options, variant
                )
    return found


_METHODS: dict[str, tuple[Name, ...]] = {
    "DRPL": (Name("drpl", "drpl"),),
    "ELR": (Name("elr", "elr"),),
    "ELR*cosine": (Name("elr", "elr", {"schedule": "cosine", "epochs": "150"}, variant="cosine"),),
    "ELR+": (Name("elr+", "elr+"),),
    "ELR+*best-epoch": (Name("elr+", "elr+"),),
    **{name: (known,) for name, known in _elr_ablations().items()},
    "DivideMix": (Name("dividemix", "dividemix"),),
    **{name: (_bootstrap(name.lower()),) for name in ("DY-S", "DY-H", "M-DYR-S", "MD-DYR-H")},
    "M-DYR-H": (_M,),
    "MD-DYR-SH": (_MD,),
    "ST-S": (_bootstrap("static-soft"),),
    "ST-H": (_bootstrap("static-hard"),),
    "M-correction best-of(M-DYR-H,MD-DYR-SH)": (replace(_M, note=_BETTER), replace(_MD, note=_BETTER)),
    "M-correction": (replace(_M, note=_BETTER), replace(_MD, note=_BETTER)),
    "Reed (static bootstrap)": (_REED,),
    "Patrini (forward)": (_FORWARD,),
    "CE": (_CE,),
    "mixup": (_MIXUP,),
    "M": (_MIXUP,),
    "GCE": (_GCE,),
    "SL": (_SCE,),
    "Forward": (_FORWARD,),
    "Forward-T": (replace(_FORWARD, note=_UNSTATED),),
    "Joint-Optim": (Name("joint", "joint"),),
    **{name: (_ieg(),) for name in ("IEG (0.1k probe, WRN28-10)", "IEG", "IEG @0.8 uniform", "IEG-5 full")},
    "IEG (0.1k probe)": (_ieg(per_class=1),),
    "IEG (0.5k probe)": (_ieg(per_class=5),),
    "IEG (1k probe)": (_ieg(),),
    **{
        name: (replace(_ieg("resnet29"), options=_RESNET29),)
        for name in ("IEG-RN29 (0.1k probe)", "IEG-RN29 (1k probe)", "IEG-RN29")
    },
    "IEG ResNet-50": (_ieg(),),
    "IEG ResNet-50 (no AA)": (_ieg("no-policy", strong_view="cutout"),),
    **{name: (known,) for name, known in _ABLATIONS.items()},
    "L2R (1k clean)": (replace(_L2R, trusted={"cifar10": 100, "cifar100": 10}),),
    "L2R": (_L2R,),
}
# Where a paper means something else by a name, or says less of how it was trained: (source, name).
_BY_SOURCE: dict[tuple[str, str], tuple[Name, ...]] = {
    **{("S2", name): (replace(known, note=_UNSTATED),) for name, known in (("CE", _CE), ("M", _MIXUP), ("GCE", _GCE))},
    ("S2", "FW"): (replace(_FORWARD, note=_UNSTATED),),
    ("S2", "R"): (Name("joint", "joint", note=_UNSTATED),),
    ("S2", "DB"): (replace(_M, note="which variant is not stated"),),
    ("S2", "DM"): (Name("dividemix", "dividemix", note=_UNSTATED),),
    **{
        ("S0 Table 1", name): (
            replace(known, variant="resnet34", schedule="resnet34", options=options, note=_UNSTATED),
        )
        for name, known, options in (
            ("CE", _CE, {}),
            ("Bootstrap", _REED, {"variant": "static-hard"}),
            ("Forward", _FORWARD, {}),
            ("GCE", _GCE, {}),
            ("SL", _SCE, {}),
        )
    },
    **{("S0 Table 2", name): (replace(known, note=_UNSTATED),) for name, known in (("CE", _CE), ("mixup", _MIXUP))},
    ("S4 Table 1", "CE"): (replace(_CE, variant="120-epochs", schedule="120-epochs"),),
    ("S1", "GCE"): (replace(_GCE, note=_UNSTATED),),
    ("S1", "LC (forward)"): (replace(_FORWARD, note=_UNSTATED),),
    ("S1", "Arazo"): (
        replace(_M, note="which variant is not stated"),
        replace(_MD, note="which variant is not stated"),
    ),
    ("S1", "ResNet-50"): (replace(_CE, note=_UNSTATED),),
    **{
        ("S1", name): (replace(_CE, variant=variant, schedule=variant, note=_UNSTATED),)
        for name, variant in (("WRN-28-10", "wrn-28-10"), ("RN29", "resnet29"))
    },
    ("ProMix", "CE"): (replace(_CE, note=_UNSTATED),),
}
KNOWN_METHODS = tuple(name for names in (*_METHODS.values(), *_BY_SOURCE.values()) for name in names)
# What no method here is, and why; ProMix's rivals of 2021 and later are not of the five papers.
_NOT_HERE = {
    "TS": "the table's TS is not spelled out in the copy at hand",
    "NL": "negative learning (NLNL) is not here",
    "DMI": "the determinant-based mutual information loss is not here",
    "P": "PENCIL is not here",
    "PEN": "PENCIL is not here",
    "PENCIL": "PENCIL is not here",
    "Co-teaching": "co-teaching is not here",
    "Co-teaching+": "co-teaching is not here",
    "D2L": "D2L is not here",
    "MentorNet": "MentorNet is not here",
    "MentorNet DD (5k clean)": "MentorNet is not here",
    "Iterative-CV": "iterative cross-validation is not here",
    "Chen2019": "iterative cross-validation is not here",
    "RoG": "the generative classifier RoG is not here",
    "MixMatch (SSL,10/cls)": "semi-supervised learning without noisy labels is not here",
    "EG (SSL, WRN28-2)": "semi-supervised learning without noisy labels is not here",
    "EG* (SSL, WRN28-10)": "semi-supervised learning without noisy labels is not here",
    "DenseNet-100": "the network DenseNet-100 is not here",
}


def named_methods(method: str, source: str) -> tuple[Name, ...]:
    """Return what a table calls so: none where it is no method here, several where a paper took the better one."""
    for place in (source[: len("S0 Table 1")], source.partition(" ")[0]):
        if (place, method) in _BY_SOURCE:
            return _BY_SOURCE[place, method]
    return _METHODS.get(method, ())


def why_not(method: str) -> str:
    """Return why a table's method cannot be run here."""
    return _NOT_HERE.get(method, f"{method} is not here")
