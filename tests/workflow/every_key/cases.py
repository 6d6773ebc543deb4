"""Cases that change one key each, of a task, model, recipe or endpoint that no other case uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clinical_dpo.config.study import merge
from clinical_dpo.data_checks.thresholds import CHECKS
from tests.workflow.every_key.templates import (
    ABSENT,
    ANSWER,
    AT_THRESHOLD,
    BOARDS,
    CHOICES,
    ENDPOINT,
    EVASIVE,
    EXTERNAL,
    FILE,
    GONE,
    IN_FOLDER,
    JUDGED,
    LABEL,
    LEVELS,
    LIKELY,
    MODEL,
    ON_HUB,
    QUESTIONS,
    RECIPE,
    RUBRIC,
    SIZES,
    SNAPSHOT,
    SWEEP,
    TEMPLATE,
    TEXT,
    WRITERS,
    WRITTEN,
    WRITTEN_HERE,
)


@dataclass(frozen=True)
class Case:
    """One change of a task that only this case has.

    `task`, `model`, `recipe` and `endpoint` are the files and entries before the change; a case without a model, recipe
    or endpoint uses the shared ones. `task_change` and the others are merged into them.
    """

    keys: Sequence[str]  # as `schema_keys.all_keys` names them
    task: Mapping[str, Any]
    task_change: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] | None = None
    model_change: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] | None = None
    recipe_change: Mapping[str, Any] = field(default_factory=dict)
    endpoint: Mapping[str, Any] | None = None
    endpoint_change: Mapping[str, Any] = field(default_factory=dict)
    speed: bool = False  # whether it changes results by rounding at most
    extra: str = ""  # reason why jobs run whose outputs stay equal and that depend on no changed output

    @property
    def name(self) -> str:
        """Name of the case's task."""
        return "c_" + self.keys[0].replace(".", "_")


NO_LONG_ROWS = "no pair reaches either limit, so that its scores stay equal"


def _stage(stage: str) -> list[Case]:
    """One case per setting of a stage."""
    values: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {  # key -> before, after
        "learning_rate": ({}, {"learning_rate": [3.0e-3]}),
        "lora.rank": ({}, {"lora": {"rank": 2}}),
        "lora.alpha": ({}, {"lora": {"alpha": 16}}),
        "lora.dropout": ({}, {"lora": {"dropout": 0.2}}),
        "max_steps": ({}, {"max_steps": 3}),
        "epochs": ({"max_steps": None, "epochs": 0.7}, {"epochs": 1}),
        "plateau": ({}, {"plateau": True}),
        "plateau_tolerance": ({"plateau": True, "max_steps": 3}, {"plateau_tolerance": 0.9}),
        "batch_size": ({"micro_batch_size": 2}, {"batch_size": 2}),
        "micro_batch_size": ({}, {"micro_batch_size": 2}),
        "micro_batch_tokens": ({}, {"micro_batch_tokens": 100}),
        "eval_batch_size": ({}, {"eval_batch_size": 2}),
        "eval_steps": ({"plateau": True, "max_steps": 3}, {"eval_steps": 2}),
        "eval_curve": ({}, {"eval_curve": True}),
        "logging_steps": ({}, {"logging_steps": 2}),
        "save_steps": ({}, {"save_steps": 1}),
        "lr_scheduler_type": ({}, {"lr_scheduler_type": "constant"}),
        "warmup_steps": ({}, {"warmup_steps": 1}),
        "optimizer": ({}, {"optimizer": "sgd"}),
        "weight_decay": ({}, {"weight_decay": 0.1}),
        "max_grad_norm": ({}, {"max_grad_norm": 0.01}),
        "max_length": ({}, {"max_length": 500}),
        "layout": ({}, {"layout": "padded"}),
        "gradient_checkpointing": ({}, {"gradient_checkpointing": True}),
    }
    if stage == "dpo":
        values |= {
            "beta": ({}, {"beta": [0.3]}),
            "loss": ({}, {"loss": "ipo"}),
            "label_smoothing": ({}, {"label_smoothing": 0.1}),
        }
    speed = ("micro_batch_size", "micro_batch_tokens", "eval_batch_size", "save_steps", "gradient_checkpointing")
    cases = []
    for key, (before, after) in values.items():
        full = {"adapter": "full"} if (stage, key) == ("dpo", "weight_decay") else {}  # refused for a LoRA of DPO
        task = merge(LABEL, {"training": {stage: before, **full}})
        extra = NO_LONG_ROWS if key == "max_length" else ""
        cases.append(Case([f"{stage}.{key}"], task, {"training": {stage: after}}, speed=key in speed, extra=extra))
    return cases


def _pretraining() -> list[Case]:
    """One case per setting of a model that the workflow pre-trains."""
    values: dict[str, Any] = {
        **{"corpus": ["uti"], "documents": 44, "crude_share": 0.9, "vocab_size": 480, "hidden_size": 64},
        **{"intermediate_size": 32, "layers": 2, "heads": 2, "kv_heads": 4, "sliding_window": 24},
        **{"max_positions": 900, "initializer_range": 0.2, "steps": 4, "batch_size": 3, "learning_rate": 1e-3},
        **{"muon_learning_rate": 0.02, "muon_iterations": 2, "weight_decay": 0.5, "warmup_steps": 2},
        **{"decay_from": 0.1, "final_rate": 0.9, "max_grad_norm": 0.01},
    }
    return [
        Case(
            [f"model.pretraining.{key}"],
            LABEL,
            model=MODEL | ({"architecture": "mistral"} if key == "sliding_window" else {}),
            model_change={"pretraining": {key: value}},
        )
        for key, value in values.items()
    ]


def _model(key: str, before: Mapping[str, Any], after: Mapping[str, Any], **more: Any) -> Case:
    return Case([f"model.{key}"], LABEL, model=merge(MODEL, before), model_change=after, **more)


def _endpoint(key: str, after: Mapping[str, Any], *also: str, **more: Any) -> Case:
    return Case([f"endpoint.{key}", *also], JUDGED, endpoint=ENDPOINT, endpoint_change=after, **more)


def _external(key: str, before: Mapping[str, Any], after: Mapping[str, Any], **more: Any) -> Case:
    name = f"c_task_external_{key}".replace(".", "_")
    external = name.replace("_", "-")
    entry = merge(EXTERNAL, {"path": EXTERNAL["path"].format(name=name)} | before)
    task = (ANSWER if "grade" in str((before, after)) else LABEL) | {"external_predictions": {external: entry}}
    return Case([f"task.external_predictions.{key}"], task, {"external_predictions": {external: after}}, **more)


SIZES_OF_SNAPSHOT = {  # 60,000 weights, as SNAPSHOT has, or 101,408 with an output layer of its own
    **{"vocab_size": 1294, "hidden_size": 32, "intermediate_size": 64, "layers": 2, "heads": 4, "kv_heads": 2},
    "head_dim": 8,
}
NF4 = {"type": "nf4", "double": True, "compute_dtype": "float32"}
SAME_ROWS = "states the format that is detected without it; the record of the rows contains how the file was read"
CASES: list[Case] = [
    *_stage("sft"),
    *_stage("dpo"),
    *_pretraining(),
    Case(["config.recipes.models"], LABEL, recipe=RECIPE, recipe_change={"models": ["shared", "second"]}),
    Case(["config.recipes.adapter"], LABEL, recipe=RECIPE, recipe_change={"adapter": "full"}),
    Case(["config.recipes.sft"], LABEL, recipe=RECIPE, recipe_change={"sft": {"learning_rate": [3.0e-3]}}),
    Case(["config.recipes.dpo"], LABEL, recipe=RECIPE, recipe_change={"dpo": {"learning_rate": [3.0e-3]}}),
    Case(["config.recipes.based_on"], LABEL, recipe={"based_on": "small"}, recipe_change={"based_on": "other"}),
    Case(
        ["config.recipes.only_tasks"],
        LABEL,
        recipe=RECIPE,
        recipe_change={"only_tasks": ["c_config_recipes_only_tasks"]},
    ),
    Case(
        ["model.source"],
        LABEL,
        model=MODEL,
        model_change=SNAPSHOT | {"architecture": GONE, "pretraining": GONE},
    ),
    Case(["model.id"], LABEL, model=SNAPSHOT, model_change={"id": "clinic/copy"}),
    Case(["model.path"], LABEL, model=IN_FOLDER, model_change={"path": "given/model-2"}),
    Case(["model.revision"], LABEL, model=SNAPSHOT, model_change={"revision": "b" * 40}),
    Case(
        ["model.chat_template"],
        LABEL,
        model=SNAPSHOT | {"id": "clinic/plain", "chat_template": TEMPLATE},
        model_change={"chat_template": f"{TEMPLATE} "},
    ),
    Case(
        ["model.chat_template_kwargs"],
        LABEL,
        model=SNAPSHOT | {"chat_template": f"{TEMPLATE}{{{{ word }}}}", "chat_template_kwargs": {"word": "Now"}},
        model_change={"chat_template_kwargs": {"word": "Then"}},
    ),
    Case(
        ["model.parameters", *(f"model.sizes.{key}" for key in SIZES_OF_SNAPSHOT)],
        LABEL,
        model=SNAPSHOT,
        model_change={"parameters": 101408, "sizes": SIZES_OF_SNAPSHOT},
    ),
    _model("title", {}, {"title": "Another title"}),
    Case(
        ["model.license", "model.stands_for", "model.gpu"],
        LABEL,
        model=MODEL,
        model_change={"license": "MIT", "stands_for": "llama3-8b-instruct", "gpu": 1},
    ),
    _model("dtype", {}, {"dtype": "bfloat16"}),
    _model("attention", {}, {"attention": "eager"}),
    _model("lora_targets", {}, {"lora_targets": ["q_proj"]}),
    _model("architecture", {}, {"architecture": "mistral"}),
    _model("quantization.double", {"quantization": NF4}, {"quantization": {"double": False}}),
    _model("quantization.compute_dtype", {"quantization": NF4}, {"quantization": {"compute_dtype": "bfloat16"}}),
    Case(["task.title"], LABEL, {"title": "Another title"}),
    Case(["task.description"], ANSWER, {"description": "What is asked"}),
    Case(["task.recipe"], LABEL | {"recipe": "one"}, {"recipe": "other"}),
    Case(["task.training.adapter"], LABEL, {"training": {"adapter": "full"}}),
    Case(["task.training.seeds"], LABEL, {"training": {"seeds": [42, 43]}}),
    Case(["task.training.sft", "task.training.dpo"], SWEEP, {"training": {"sft": {"learning_rate": [2.0e-3, 3.0e-3]}}}),
    Case(
        ["task.arms.few_shot.examples"],
        LABEL | {"arms": {"few_shot": {"examples": 2}}},
        {"arms": {"few_shot": {"examples": 3}}},
    ),
    Case(
        ["task.arms.sft_longer.learning_rate"],
        LABEL | {"arms": {"sft_longer": {"learning_rate": [1.0e-3]}}},
        {"arms": {"sft_longer": {"learning_rate": [2.0e-3]}}},
    ),
    Case(
        ["task.arms.dpo_sft.sft_weight"],
        LABEL | {"arms": {"dpo_sft": {"sft_weight": 1.0}}},
        {"arms": {"dpo_sft": {"sft_weight": 3.0}}},
    ),
    Case(["source.kind", "task.source"], FILE, {"source": LABEL["source"] | {"path": GONE}, "columns": GONE}),
    Case(["source.path"], FILE, {"source": {"path": "given/others.csv"}}),
    Case(
        ["source.sheet"],
        merge(FILE, {"source": {"path": "given/rows.xlsx", "sheet": "one"}}),
        {"source": {"sheet": "two"}},
    ),
    Case(
        ["source.encoding"],
        merge(FILE, {"source": {"path": "given/old.csv", "encoding": "cp1252"}}),
        {"source": {"encoding": "cp1250"}},
    ),
    Case(["source.delimiter"], FILE, {"source": {"delimiter": ","}}, extra=SAME_ROWS),
    Case(["source.ignore"], FILE, {"source": {"ignore": ["remark"]}}),
    Case(
        ["source.as"],
        merge(FILE, {"source": {"path": "given/shares.xlsx", "as": "shown"}}),
        {"source": {"as": "number"}},
    ),
    Case(
        ["source.merged_cells"],
        merge(FILE, {"source": {"path": "given/rows.xlsx", "sheet": "one", "merged_cells": "empty"}}),
        {"source": {"merged_cells": "fill"}},
        extra=SAME_ROWS,
    ),
    Case(
        ["source.repair"],
        merge(FILE, {"source": {"path": "given/encoded.csv", "repair": ["html"]}}),
        {"source": {"repair": ["html", "escapes"]}},
    ),
    Case(["source.sample"], merge(FILE, {"source": {"sample": 30}}), {"source": {"sample": 29}}),
    Case(["source.id"], ON_HUB, {"source": {"id": "clinic/others"}}),
    Case(["source.config"], ON_HUB, {"source": {"config": "second"}}),
    Case(["source.revision"], ON_HUB, {"source": {"revision": "b" * 40}}),
    Case(["source.splits"], ON_HUB, {"source": {"splits": ["test"]}}),
    Case(["source.scope"], BOARDS, {"source": {"scope": "strict"}}, recipe=WRITERS),
    Case(["source.reader"], QUESTIONS, {"source": {"reader": "meqsum"}, "columns": GONE}, recipe=WRITERS),
    Case(
        ["source.generator"],
        TEXT | {"prompt": "{{ reference }}", "rejected_source": "sft_prediction", "on_shortfall": "shrink"},
        {"source": {"generator": "meqsum"}},
        recipe=WRITERS,
    ),
    Case(["source.label_noise"], LABEL, {"source": {"label_noise": 0.4}}),
    Case(
        ["task.columns.options", "task.columns.accepted"],
        CHOICES,
        {"columns": {"options": ["b", "c"], "accepted": ["a"]}},
    ),
    Case(["task.generated_fields.endpoint"], WRITTEN, {"generated_fields": {"rejected": {"endpoint": "other-scribe"}}}),
    Case(
        ["task.generated_fields.prompt"], WRITTEN, {"generated_fields": {"rejected": {"prompt": "Short: {{ note }}"}}}
    ),
    Case(
        ["task.generated_fields.max_new_tokens"],
        WRITTEN,
        {"generated_fields": {"rejected": {"max_new_tokens": 9}}},
        extra="the endpoint's texts are shorter than both limits",
    ),
    Case(["task.generated_fields.model"], WRITTEN_HERE, {"generated_fields": {"rejected": {"model": "other-writer"}}}),
    Case(["task.when_missing"], ABSENT, {"when_missing": "leave_out"}),
    Case(["task.stand_in"], ABSENT, {"stand_in": {"label_noise": 0.4}}),
    Case(["task.licence"], FILE, {"licence": "MIT"}),
    Case(["task.citation"], FILE, {"citation": "Somebody 2026"}),
    Case(["task.download_size"], FILE, {"download_size": "1 MB"}),
    Case(
        ["task.checks", *(f"thresholds.{check}.warn" for check in CHECKS)],
        LABEL,
        {"checks": {check: {"warn": 0.77} for check in CHECKS}},
    ),
    Case([f"thresholds.{check}.stop" for check in CHECKS], TEXT, {"checks": {check: {"stop": 1} for check in CHECKS}}),
    Case(["task.where"], FILE, {"where": 'number != "n3"'}),
    Case(["task.group"], FILE, {"group": "person"}),
    Case(["task.subgroups"], FILE | {"subgroups": ["diagnosis"]}, {"subgroups": ["remark", "diagnosis"]}),
    Case(["task.on_shortfall"], LABEL, {"on_shortfall": "shrink"}),
    *(Case([f"task.splits.{split}"], SWEEP, {"splits": {split: SIZES[split] - 1}}) for split in SIZES),
    Case(
        ["task.tokens.prompt", "task.tokens.answer", "task.tokens.rejected"],
        LABEL,
        {"tokens": {"prompt": 90, "answer": 4, "rejected": 4}},
    ),
    Case(
        ["task.answer_type"],
        JUDGED
        | {
            "judge": "away",
            "selection_metric": "exact",
            "rejected_source": "field",
            "metric": "accuracy",
            "paired_test": "mcnemar",
        },
        {"answer_type": "answer"},
    ),
    Case(["task.labels"], LABEL, {"labels": ["No UTI", "UTI"]}),
    Case(
        ["task.label_synonyms"],
        SWEEP,
        {"label_synonyms": {"UTI": ["yes"]}},
        extra="no answer of a barely trained model contains it",
    ),
    Case(["task.ordered"], LEVELS, {"ordered": True}),
    Case(["task.answer_by"], LABEL, {"answer_by": "likelihood"}),
    Case(["task.likelihood.end_token"], LIKELY, {"likelihood": {"end_token": False}}),
    Case(["task.likelihood.per_token"], SWEEP | {"answer_by": "likelihood"}, {"likelihood": {"per_token": True}}),
    Case(
        ["task.prevalence"],
        LEVELS | {"answer_by": "likelihood", "prevalence": {"urgent": 0.1}},
        {"prevalence": {"urgent": 0.2}},
    ),
    Case(["task.threshold.rule"], AT_THRESHOLD, {"threshold": {"rule": "youden", "at_least": GONE}}),
    Case(["task.threshold.at_least"], AT_THRESHOLD, {"threshold": {"at_least": 1.0}}),
    Case(["task.other_label_weights"], LEVELS | {"ordered": True}, {"other_label_weights": "near"}),
    Case(["task.prompt"], LABEL, {"prompt": "{{ note }} A UTI?"}),
    Case(["task.system_prompt"], LABEL | {"system_prompt": "Be brief."}, {"system_prompt": "Be exact."}),
    Case(["task.rejected_source"], LABEL, {"rejected_source": "sft_prediction"}, recipe=WRITERS),
    Case(["task.max_new_tokens"], SWEEP, {"max_new_tokens": 4}),
    Case(["task.max_thought_tokens"], SWEEP, {"max_thought_tokens": 1}),
    Case(["task.selection_metric"], SWEEP, {"selection_metric": "exact"}),
    Case(["task.grader"], LABEL | {"metric": "accuracy"}, {"grader": "exact"}),
    Case(["task.metric"], LABEL, {"metric": "accuracy"}, extra="the same test compares right answers for both metrics"),
    Case(["task.margin"], LABEL, {"margin": 0.3}),
    Case(
        ["task.paired_test"],
        EVASIVE | {"tables": ["reward_margin"], "raters": GONE, "preference_grader": GONE},
        {"grader": "rouge_l", "metric": "rouge_l", "paired_test": "paired_t"},
    ),
    Case(["task.tables"], TEXT, {"tables": ["rouge"]}),
    Case(["task.rouge_stemmer"], TEXT, {"rouge_stemmer": False}),
    Case(["task.raters.people"], ANSWER, {"raters": ["anna", "ben"]}),
    Case(
        ["task.raters.sample"],
        ANSWER | {"grader": "physicians", "raters": {"people": ["anna"], "sample": 4}, "judge": "away"},
        {"raters": {"sample": 5}},
    ),
    Case(["task.adjudicator"], ANSWER | {"raters": ["anna", "ben"]}, {"adjudicator": "dora"}),
    Case(["task.preference_grader"], EVASIVE, {"preference_grader": "rouge_l"}),
    Case(["task.judge"], JUDGED | {"judge": "scribe"}, {"judge": "other-scribe"}),
    Case(["task.anchors"], JUDGED | {"judge": "away"}, {"anchors": ["bad", "poor", "fair", "good", "best"]}),
    Case(
        ["task.rubric"], RUBRIC, {"rubric": [{"item": "Names the drug", "weight": 3}, {"item": "Brief", "weight": 1}]}
    ),
    Case(
        ["task.judge_refusals"], JUDGED | {"judge": "scribe"}, {"judge_refusals": "failure"}, extra="no item is refused"
    ),
    Case(["task.phi"], LABEL, {"phi": True}),
    _external("title", {}, {"title": "Another"}),
    _external("path", {}, {"path": "given/second_answers.csv"}),
    _external("sheet", {"path": "given/answers.xlsx", "sheet": "one"}, {"sheet": "two"}),
    _external("encoding", {}, {"encoding": "utf-8"}, extra=SAME_ROWS),
    _external("delimiter", {}, {"delimiter": ","}, extra=SAME_ROWS),
    _external("ignore", {}, {"ignore": ["remark"]}, extra="answers do not use the ignored column"),
    _external("repair", {}, {"repair": ["html"]}, extra="no answer has HTML"),
    _external(
        "as",
        {"path": "given/shown.xlsx", "as": "shown"},
        {"as": "number"},
        extra="no answer is a number; the record of the answers contains how the table was read",
    ),
    _external(
        "merged_cells",
        {"path": "given/unmerged.xlsx", "sheet": "one", "merged_cells": "empty"},
        {"merged_cells": "fill"},
        extra="no cells are merged",
    ),
    _external("columns.id", {}, {"columns": {"id": "same"}}, extra="the other column has the same ids"),
    _external(
        "columns.prompt",
        {"columns": {"id": GONE, "prompt": "asked"}},
        {"columns": {"prompt": "{{ asked }}"}},
        extra="the template gives the same prompts",
    ),
    _external("columns.answer", {}, {"columns": {"answer": "also"}}),
    _external("columns.grade", {}, {"columns": {"grade": "mark"}}),
    _external("when_missing", {}, {"when_missing": "leave_out"}),
    _endpoint("base_url", {"base_url": "http://localhost:PORT/v1"}, "config.endpoints"),
    _endpoint("model", {"model": "judge-b"}),
    _endpoint(
        "key_variable",
        {"key_variable": "KEY_B", "concurrency": 1, "timeout_seconds": 21, "price": {"input": 3.0, "output": 3.0}}
        | {"client_variables": ["OPENAI_ORG_ID"], "server_user": "root"},
        *("endpoint.concurrency", "endpoint.timeout_seconds", "endpoint.price.input", "endpoint.price.output"),
        *("endpoint.client_variables", "endpoint.server_user"),
    ),
    _endpoint("max_tokens", {"max_tokens": 15}),
    _endpoint("seed", {"seed": 1}),
    _endpoint("parameters", {"parameters": {"top_p": 0.5}}),
]
