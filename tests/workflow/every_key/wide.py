"""Changes that affect a whole study: keys of its config, and code."""

from typing import Any, NamedTuple

from tests.workflow.every_key.cases import CASES, Case
from tests.workflow.every_key.templates import SWEEP, TEXT

TASKS = [Case(["wide.label"], SWEEP), Case(["wide.text"], TEXT)]
LABEL_TASK, TEXT_TASK = (case.name for case in TASKS)
SPEED_TASK = next(case.name for case in CASES if case.speed)


class Setting(NamedTuple):
    """Keys of the config, and their values after the change."""

    keys: list[str]
    config: dict[str, Any]


SETTINGS = {
    "seed": Setting(["config.seed"], {"seed": 7, "seeds": [7]}),
    "seeds": Setting(["config.seeds"], {"seeds": [42, 43]}),
    "shown": Setting(
        [
            *("config.alpha", "config.smallest_cell", "config.watermark", "config.figure2", "config.checks"),
            "config.overrides.models",
        ],
        {
            "alpha": 0.01,
            "smallest_cell": 5,
            "watermark": "mine",
            "figure2": {"a": LABEL_TASK},
            "checks": {"label_balance": {"warn": 0.2}},
            "overrides": {"models": {"shared": {"title": "Another title"}}},
        },
    ),
    "template_date": Setting(["config.template_date"], {"template_date": "2025-01-01"}),
    "tasks": Setting(["config.tasks"], {"tasks": [LABEL_TASK]}),
    "overrides": Setting(["config.overrides.tasks"], {"overrides": {"tasks": {LABEL_TASK: {"max_new_tokens": 4}}}}),
    "run_name": Setting(["config.run_name"], {"run_name": "another"}),
}
SPEED = Setting(
    [
        *(f"config.compute.{key}" for key in ("threads", "generation_batch_size", "card", "gpu_model", "max_mem_mb")),
        *("config.compute.max_runtime", "config.compute.shared_disk", "config.compute.job_environment"),
        *("config.allow_generated", "config.phi_hosts", "config.plain_http_hosts", "config.release.merged"),
        *(f"config.release.upload.{key}" for key in ("owner", "visibility", "tasks")),
        *(f"config.limits.{key}" for key in ("bytes", "rows", "columns", "cells", "characters", "depth")),
    ],
    {
        "compute": {"threads": 2, "generation_batch_size": 7, "card": "l4", "gpu_model": "h100", "max_mem_mb": 9000}
        | {"max_runtime": 99, "shared_disk": True, "job_environment": ["SITE_*"]},
        "allow_generated": False,
        "phi_hosts": ["localhost"],
        "release": {"merged": True, "upload": {"owner": "clinic", "visibility": "private", "tasks": [SPEED_TASK]}},
        "limits": {"bytes": 10**8, "rows": 10**5, "columns": 100, "cells": 10**6, "characters": 10**6, "depth": 20},
        "plain_http_hosts": ["ward.example.org"],
    },
)


class Edit(NamedTuple):
    """A change of code: a text of a file, its replacement, and the rules whose jobs run first."""

    file: str
    old: str
    new: str
    begins: set[str]
    stage: str = ""  # wildcard `stage=...` of all these jobs, if they have a single stage


EDITS = {
    "base model": Edit(
        "clinical_dpo/models/tiny/corpus.py", "pretraining/{seed}", "other/{seed}", {"build_base_model"}
    ),
    "splits": Edit("clinical_dpo/data/splits.py", "random.Random(seed)", "random.Random(seed + 1)", {"split_dataset"}),
    "data card": Edit("clinical_dpo/data_checks/data_card.py", '"## Rows"', '"## All rows"', {"check_dataset"}),
    "SFT": Edit(
        "clinical_dpo/training/sft.py",
        'manual_seed(run.settings["seed"])',
        "manual_seed(1)",
        {"probe", "train"},
        "stage=sft",
    ),
    "DPO": Edit(
        "clinical_dpo/training/dpo.py",
        'manual_seed(settings["seed"])',
        "manual_seed(1)",
        {"probe", "train"},
        "stage=dpo",
    ),
    "answers": Edit(
        "clinical_dpo/inference/generate.py",
        "skip_special_tokens=True).strip()",
        "skip_special_tokens=True).strip().upper()",
        {"answer_dev", "predict"},
    ),
    "label parser": Edit(
        "clinical_dpo/grading/label_parsing.py",
        " = sentences(text)\n",
        " = sentences(text)\n    return labels[0]\n",
        {"grade_answers", "score_trials"},
    ),
    "grader": Edit("clinical_dpo/grading/graders/rouge_likert.py", "1 + 4 * score", "1 + 3 * score", {"grade_answers"}),
    "metric": Edit(
        "clinical_dpo/statistics/metric_kinds/mean.py",
        '"effect": float(differences.mean())',
        '"effect": float(differences.mean()) + 1',
        {"compute_metrics", "compare_variants", "decide", "vary_unreadable"},
    ),
    "figure style": Edit(
        "clinical_dpo/report/figures/style.py",
        '"#0077BB"',
        '"#0077CC"',
        {"plot_cost", "plot_sweep", "plot_training_curves", "plot_reward_margin"},
    ),
    "page": Edit("clinical_dpo/report/page/template/page.css", "body", "body, html", {"write_report_page"}),
}
