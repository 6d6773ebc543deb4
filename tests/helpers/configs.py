"""The configs of the published study and of the demo, as their files define them."""

import yaml

from clinical_dpo.config.study import merge
from tests.conftest import ROOT

PUBLISHED = yaml.safe_load((ROOT / "config/config.yaml").read_text())
DEMO = merge(PUBLISHED, yaml.safe_load((ROOT / "config/demo.yaml").read_text()))


def external_entry(columns, **changes):
    """An entry of a task's `external_predictions` whose table is missing."""
    return {"title": "GPT-4", "path": "nowhere.csv", "columns": columns, "when_missing": "leave_out"} | changes
