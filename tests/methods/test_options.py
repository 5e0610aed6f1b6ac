"""Options that are out of range, of every method that checks more than the shared ones, and published rows."""

import re

import pytest

from labelaudit.core.errors import ConfigError
from labelaudit.core.recipe import from_dict
from labelaudit.methods.registry import require_method
from labelaudit.scanning.paper import published_schedules

OUT_OF_RANGE = [
    ("drpl", "peak_lr", 0.0, "above 0"),
    ("drpl", "relabel_from", 24, "0 (never) to 23"),
    ("drpl", "stage1_threshold", 1.0, "between 0 and 1"),
    ("drpl", "uniform_reset", 1.0, "0 to 1"),
    ("elr", "epochs", 0, "1 or more"),
    ("elr", "peak_lr", 0.0, "above 0"),
    ("elr", "milestone_factor", 2.0, "above 0, at most 1"),
    ("elr", "restart_epochs", 0, "1 or more"),
    ("elr", "lowest_lr", 0.2, "0 to 0.1"),
    ("elr", "target_momentum", 1.0, "0 to 1, below 1"),
    ("elr", "target_weight", -1.0, "0 or more"),
    ("elr", "evidence_momentum", 1.0, "0 to 1, below 1"),
    ("elr+", "epochs", 0, "1 or more"),
    ("elr+", "peak_lr", 11.0, "above 0, at most 10"),
    ("elr+", "target_momentum", 1.0, "0 to 1, below 1"),
    ("elr+", "target_weight", -1.0, "0 or more"),
    ("elr+", "evidence_momentum", 1.0, "0 to 1, below 1"),
    ("elr+", "mixup_alpha", -1.0, "0 or more"),
    ("elr+", "average_decay", 1.0, "0 to 1, below 1"),
    ("dividemix", "epochs", 0, "1 or more"),
    ("dividemix", "warmup_epochs", 13, "1 to 12"),
    ("dividemix", "peak_lr", 0.0, "above 0"),
    ("dividemix", "threshold", 1.0, "between 0 and 1"),
    ("dividemix", "temperature", 0.0, "above 0, at most 1"),
    ("dividemix", "mixup_alpha", 0.0, "above 0"),
    ("dividemix", "unlabelled_weight", -1.0, "0 or more"),
    ("dividemix", "views", 9, "1 to 8"),
    ("ieg", "epochs", 0, "1 or more"),
    ("ieg", "look_ahead_lr", 0.0, "above 0"),
    ("ieg", "temperature", 1.5, "above 0, at most 1"),
    ("ieg", "given_share", 1.1, "0 to 1"),
    ("ieg", "mixed_weight", -1.0, "0 or more"),
    ("ieg", "mixed_share", 0.0, "above 0, at most 1"),
    ("ieg", "trusted_batch", 1, "2 or more"),
    ("ieg", "average", 1.0, "0 to 1, below 1"),
    ("panel", "networks", 0, "1 to 20"),
    ("panel", "epochs", 0, "1 or more"),
    ("panel", "peak_lr", 0.0, "above 0, at most 10"),
    ("panel", "planted", 0.6, "above 0, at most 0.5"),
    ("panel", "along", 1.5, "0 to 1"),
    ("panel", "elr_weight", -1.0, "0 or more"),
    ("panel", "elr_momentum", 1.0, "0 to 1, below 1"),
    ("panel", "record", -0.1, "0 to 1"),
]


@pytest.mark.parametrize(("method", "name", "value", "expected"), OUT_OF_RANGE)
def test_options_out_of_range_name_the_option_and_the_value(method, name, value, expected):
    with pytest.raises(ConfigError, match=re.escape(f"method.{name} = {value!r}: expected {expected}")):
        require_method(method).Options(**{name: value})


@pytest.mark.parametrize("method", ["elr", "elr+"])
def test_every_published_row_of_elr_is_a_setting_whose_evidence_is_the_target(method):
    options = require_method(method).Options
    rows = [from_dict(options, row.options, prefix="") for row in published_schedules(method).values()]
    assert len(rows) > 1
    assert [row.evidence_momentum for row in rows] == [row.target_momentum for row in rows]
