"""The examples: their folder, tasks and pages."""

from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"
TASKS = {"visits": "admit", "orders": "instructions", "pubmedqa": "pubmedqa_labels"}
PAGE = {name: (EXAMPLES / name / "README.md").read_text(encoding="utf-8") for name in TASKS}
