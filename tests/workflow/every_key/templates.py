"""Tasks, models, recipes and endpoints, of which each case changes one key."""

from typing import Any

from clinical_dpo.config.study import merge

GONE = "(removed)"  # a value that removes its key
STAGE: dict[str, Any] = {
    **{"learning_rate": [2.0e-3], "lora": {"rank": 4, "alpha": 8, "dropout": 0.0}, "max_steps": 2, "epochs": None},
    **{
        "plateau": False,
        "plateau_tolerance": 0.05,
        "batch_size": 4,
        "micro_batch_size": 4,
        "micro_batch_tokens": None,
        "eval_batch_size": 8,
    },
    **{
        "eval_steps": 1,
        "eval_curve": False,
        "logging_steps": 1,
        "save_steps": 2,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0,
    },
    **{"optimizer": "adamw_torch", "weight_decay": 0.0, "max_grad_norm": 1.0, "max_length": 512, "layout": "flat"},
    "gradient_checkpointing": False,
}
DPO = STAGE | {"beta": [0.1], "loss": "sigmoid", "label_smoothing": 0.0}
RECIPE = {"models": ["shared"], "adapter": "lora", "sft": STAGE, "dpo": DPO}
WRITERS = RECIPE | {"models": ["writer"]}  # a model whose answers are never empty
MODEL: dict[str, Any] = {
    **{"title": "A model", "source": "pretrain", "architecture": "llama", "dtype": "float32", "attention": "sdpa"},
    **{"gpu": 0, "lora_targets": ["q_proj", "v_proj"]},
    "pretraining": {
        **{"corpus": ["uti", "summarization"], "documents": 40, "crude_share": 0.5, "vocab_size": 500},
        **{"hidden_size": 32, "intermediate_size": 64, "layers": 1, "heads": 4, "kv_heads": 2, "sliding_window": None},
        **{"max_positions": 1024, "initializer_range": 0.1, "steps": 3, "batch_size": 4, "learning_rate": 3.5e-3},
        **{"muon_learning_rate": 0.01, "muon_iterations": 3, "weight_decay": 0.01, "warmup_steps": 1},
        **{"decay_from": 0.5, "final_rate": 0.1, "max_grad_norm": 1.0},
    },
}
LABEL: dict[str, Any] = {
    **{"title": "Labels", "recipe": "small", "source": {"kind": "synthetic", "generator": "uti", "label_noise": 0.1}},
    **{"splits": {"train": 12, "eval": 4, "dev": 0, "test": 8}, "on_shortfall": "error", "answer_type": "label"},
    **{"labels": ["UTI", "No UTI"], "prompt": "{{ note }} UTI?", "rejected_source": "other_label", "max_new_tokens": 3},
    **{"selection_metric": "f1", "grader": "label", "metric": "f1", "paired_test": "mcnemar"},
}
SWEEP = merge(
    LABEL,
    {
        "splits": {"dev": 6},
        "training": {
            "sft": {"learning_rate": [2.0e-3, 1.0e-3], "plateau": True, "max_steps": 3},
            "dpo": {"beta": [0.1, 0.5], "plateau": True, "max_steps": 3},
        },
    },
)
LEVELS: dict[str, Any] = LABEL | {
    **{"title": "Levels", "source": {"kind": "synthetic", "generator": "triage_levels"}, "columns": {"label": "level"}},
    **{"labels": ["urgent", "physician", "medical assistant"], "prompt": "{{ message }} Who answers?"},
    **{"selection_metric": "macro_f1", "metric": "macro_f1"},
}
LIKELY: dict[str, Any] = LABEL | {"answer_by": "likelihood"}
AT_THRESHOLD = merge(LIKELY, {"splits": {"dev": 6}, "threshold": {"rule": "sensitivity", "at_least": 0.3}})
SIZES: dict[str, int] = SWEEP["splits"]
TEXT: dict[str, Any] = LABEL | {
    "labels": GONE,
    **{"title": "Texts", "source": {"kind": "synthetic", "generator": "summarization"}, "answer_type": "text"},
    **{
        "prompt": "{{ note }} Short?",
        "rejected_source": "field",
        "selection_metric": "rouge_l",
        "grader": "rouge_likert",
    },
    **{"metric": "likert", "paired_test": "paired_t", "tables": ["rouge", "reward_margin"], "rouge_stemmer": True},
}
ANSWER: dict[str, Any] = LABEL | {
    "labels": GONE,
    **{"title": "Answers", "source": {"kind": "synthetic", "generator": "reasoning"}, "answer_type": "answer"},
    **{
        "prompt": "{{ question }}",
        "rejected_source": "random_distractor",
        "selection_metric": "exact",
        "grader": "exact",
    },
    **{"metric": "accuracy", "raters": ["anna"], "adjudicator": "carla"},
}
FILE: dict[str, Any] = LABEL | {
    **{"title": "From a file", "source": {"kind": "file", "path": "given/rows.csv"}, "when_missing": "error"},
    "columns": {"id": "number", "note": "note", "label": "diagnosis"},
}
EVASIVE: dict[str, Any] = TEXT | {
    **{"title": "Helpful", "source": {"kind": "synthetic", "generator": "pubmedqa"}, "grader": "evasiveness"},
    **{
        "prompt": "{{ question }}",
        "rejected_source": "sft_prediction",
        "metric": "helpfulness",
        "paired_test": "mcnemar",
    },
    **{"tables": ["helpfulness", "win_rate"], "rouge_stemmer": GONE, "raters": ["anna"], "preference_grader": "raters"},
}
QUESTIONS: dict[str, Any] = (
    FILE
    | {key: TEXT[key] for key in ("answer_type", "selection_metric", "grader", "metric", "paired_test", "labels")}
    | {
        "source": {"kind": "file", "path": "given/questions.csv"},
        "columns": {"id": "File", "question": "CHQ", "reference": "Summary"},
        "prompt": "{{ question }}",
        "rejected_source": "sft_prediction",
    }
)
BOARDS: dict[str, Any] = {key: value for key, value in QUESTIONS.items() if key != "columns"} | {
    "source": {"kind": "file", "path": "given/boards.jsonl", "reader": "medqa", "scope": "wide"}
}
ON_HUB: dict[str, Any] = FILE | {
    "source": {"kind": "hub", "id": "clinic/rows", "config": "first", "revision": "a" * 40, "splits": ["train"]},
}
SNAPSHOT: dict[str, Any] = {key: MODEL[key] for key in ("title", "dtype", "attention", "gpu", "lora_targets")} | {
    **{"source": "hub", "id": "clinic/tiny", "revision": "a" * 40, "parameters": 60000},
}
IN_FOLDER: dict[str, Any] = {key: MODEL[key] for key in ("title", "dtype", "attention", "gpu", "lora_targets")} | {
    **{"source": "folder", "path": "given/model-1"},
}
TEMPLATE = "{% for message in messages %}{{ message.content }} {{ eos_token }}{% endfor %}"
CHOICES: dict[str, Any] = ANSWER | {
    "source": {"kind": "file", "path": "given/choices.csv"},
    "columns": {"options": ["a", "b"]},
    "when_missing": "error",
}
WRITTEN: dict[str, Any] = TEXT | {
    "when_missing": "error",
    "generated_fields": {"rejected": {"endpoint": "scribe", "prompt": "{{ note }}", "max_new_tokens": 8}},
}
WRITTEN_HERE: dict[str, Any] = TEXT | {
    "generated_fields": {"rejected": {"model": "writer", "prompt": "{{ note }}", "max_new_tokens": 24}}
}
ABSENT: dict[str, Any] = FILE | {
    "source": {"kind": "file", "path": "given/absent.csv"},
    "when_missing": "synthetic",
    "stand_in": LABEL["source"],
}
JUDGED: dict[str, Any] = TEXT | {
    "title": "Judged",
    "grader": "judge",
    "tables": ["reward_margin"],
    "rouge_stemmer": GONE,
}
RUBRIC: dict[str, Any] = JUDGED | {
    **{"title": "By a rubric", "grader": "physicians", "metric": "rubric", "raters": ["anna"], "judge": "away"},
    "rubric": [{"item": "Names the drug", "weight": 2}, {"item": "Is brief", "weight": 1}],
}
ENDPOINT: dict[str, Any] = {
    **{"base_url": "http://127.0.0.1:PORT/v1", "model": "judge-a", "key_variable": "KEY_A", "concurrency": 2},
    **{"timeout_seconds": 20, "max_tokens": 16, "seed": None, "price": {"input": 1.0, "output": 2.0}},
}
EXTERNAL: dict[str, Any] = {"title": "Other", "path": "given/{name}.csv", "columns": {"id": "id", "answer": "said"}}
