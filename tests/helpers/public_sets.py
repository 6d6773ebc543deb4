"""The public data sets as splits of task rows; tests of absent data sets are skipped."""

import json
from typing import Any

from clinical_dpo.data.rows import task_rows
from clinical_dpo.data.sources import retrieve as sources
from clinical_dpo.data.splits import split
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT, real_data

SETS = ("pubmedqa", "reasoning", "meqsum", "acibench")
FILES = {
    "pubmedqa": ("pubmedqa", "ori_pqal.json"),
    "reasoning": ("medqa", "phrases_no_exclude_test.jsonl"),
    "meqsum": ("meqsum", "MeQSum_ACL2019_BenAbacha_Demner-Fushman.xlsx"),
    "acibench": ("acibench", "train.json"),
}
READERS = {
    "pubmedqa": {"reader": "pubmedqa"},
    "reasoning": {"reader": "medqa"},
    "meqsum": {"reader": "meqsum", "sheet": "QS"},
}


def public_set(name: str) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any], dict[str, Any]]:
    """Return train, eval, dev and test in proportion 6:1:1:2, the task file, and the manifest with digests of zeros.

    ACI-Bench (dialogues and clinical notes) has no task file; its task is made here.
    """
    path = real_data(*FILES[name])
    if name == "acibench":
        task: dict[str, Any] = {"name": name, "title": "Notes", "answer_type": "text", "prompt": "{{ src }}"}
        data = json.loads(path.read_text(encoding="utf-8"))["data"]
        records = [{"id": row["file"], "src": row["src"], "reference": row["tgt"]} for row in data]
        provenance: dict[str, Any] = {"kind": "file", "data": "real", "path": str(path), "rows": len(data)}
    else:
        task = read_yaml(ROOT / f"config/tasks/{name}.yaml")
        records, provenance = sources.retrieve({"kind": "file", "path": str(path), **READERS[name]}, seed=1, n=1)
    rows = task_rows(records, task, provenance)
    sizes = {"train": 600, "eval": 100, "dev": 100, "test": 200}
    splits, report = split(rows, sizes, 1, stratify=False, on_shortfall="shrink")
    return splits, task, {"source": provenance, **report, "sha256": dict.fromkeys(splits, "0" * 64)}
