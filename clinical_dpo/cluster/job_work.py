"""The work of each job that computes with a model: operations and memory traffic, from the tokens of its rows."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import ceil
from typing import Any

from clinical_dpo.cluster.flops import (
    OPTIMIZER_BYTES,
    Part,
    Tokens,
    answer_tokens,
    branch_tokens,
    forward_flops,
    key_value_bytes,
    pass_traffic,
    training_flops,
)
from clinical_dpo.cluster.row_tokens import Row, SplitTokens, longest_answers, mean_lengths, split_tokens, with_examples
from clinical_dpo.config.label_rules import scores_likelihood
from clinical_dpo.config.model_sizes import model_sizes
from clinical_dpo.config.study import Study
from clinical_dpo.model_files import BYTES
from clinical_dpo.variants import PAIRED_STAGES, UNTRAINED

PASSES = 2  # passes over the weights in a training step: forward and backward
FIELD_PROMPT = 300  # assumed tokens of the prompt of a generated field


def training_steps(study: Study, task: str, stage: str) -> int:
    """Number of optimizer steps of a stage's longest run: `max_steps`, or else the steps of all epochs."""
    settings = study.training(task, stage)
    rows = study.tasks[task]["splits"]["train"]
    return settings["max_steps"] or ceil(settings["epochs"] * ceil(rows / settings["batch_size"]))


def evaluations(settings: Mapping[str, Any], steps: int, probe: bool) -> int:
    """Number of times that a run computes the eval loss.

    A probe is the first run of a trial and finds the number of steps for the second run. A probe, and every run with
    `eval_curve`, computes the eval loss at the start, every `eval_steps` steps and at the end. Any other run computes
    it at the end only.

    Args:
        settings: the stage's settings.
        steps: number of optimizer steps.
        probe: whether the run is a probe.
    """
    return 1 + ceil(steps / settings["eval_steps"]) if probe or settings["eval_curve"] else 1


def training_parts(study: Study, task: str, model: str, stage: str, steps: float, evaluated: int) -> list[Part]:
    """The work of a training run: its steps and its evaluations.

    Args:
        study: the run's study.
        task, model, stage: task, model and stage of the training run.
        steps: number of optimizer steps.
        evaluated: number of evaluations.
    """
    settings, files = study.training(task, stage), study.models[model]
    sizes, full = model_sizes(files), settings["adapter"] == "full"
    lora = None if full else lora_weights(study, task, model, stage)
    batch, checkpointed = settings["batch_size"], settings["gradient_checkpointing"]
    read, moved = pass_traffic(files, full)
    row = row_tokens(split_tokens(study, task, model, "train"), settings, stage)
    passes = (PASSES + checkpointed) * micro_batches(settings, row.total)
    trained = sizes.linear_weights + 2 * sizes.head_weights if lora is None else lora
    step = Part(
        "training",
        batch * training_flops(sizes, row, lora, checkpointed),
        passes * read,
        passes * moved + OPTIMIZER_BYTES * trained,
    )
    held_out = split_tokens(study, task, model, "eval")
    tokens = row_tokens(held_out, settings, stage)
    evaluation = _forward("evaluation", files, tokens, held_out.count, settings["eval_batch_size"], lora, full)
    return [step.times(steps), evaluation.times(evaluated)]


def micro_batches(settings: Mapping[str, Any], tokens: float) -> float:
    """Number of micro-batches of a step.

    Args:
        settings: the stage's settings.
        tokens: mean tokens of a row.
    """
    batch = settings["batch_size"]
    if settings["micro_batch_tokens"]:
        return batch / min(max(settings["micro_batch_tokens"] // tokens, 1), batch)
    return batch / settings["micro_batch_size"]


def reference_parts(study: Study, task: str, model: str) -> list[Part]:
    """The work of computing the reference model's log-probabilities of all pairs: one part each for train and eval."""
    settings, parts = study.training(task, "dpo"), []
    full = settings["adapter"] == "full"
    lora = None if full else lora_weights(study, task, model, "sft")
    for split in ("train", "eval"):
        rows = split_tokens(study, task, model, split)
        tokens = row_tokens(rows, settings | {"layout": "flat"}, "dpo")
        batch = settings["eval_batch_size"]
        parts.append(_forward("reference", study.models[model], tokens, rows.count, batch, lora, full))
    return parts


def answer_parts(study: Study, task: str, model: str, splits: Iterable[str], variant: str) -> list[Part]:
    """The work of answering the rows of some splits with a variant.

    The answers of a trained variant are assumed to have the lengths of the reference answers, limited to the number of
    tokens that the task allows. The answers of an untrained variant (base or few_shot) are assumed to reach this limit,
    because the variant was not trained on the form of the answers. In a task with `answer_by: likelihood`, no variant
    writes text. The work is then that of computing the likelihoods of the labels.
    """
    files, limit = study.models[model], study.answer_limit(task)
    full = study.training(task, "sft")["adapter"] == "full"
    lora = 0.0 if variant in UNTRAINED or full else lora_weights(study, task, model, variant)
    batch, parts = study.config["compute"]["generation_batch_size"], []
    for split in splits:
        rows = split_tokens(study, task, model, split)
        if not rows.count:
            continue
        if variant == "few_shot":
            examples = study.tasks[task]["arms"]["few_shot"]["examples"]
            rows = with_examples(rows, split_tokens(study, task, model, "train"), examples)
        if scores_likelihood(study.tasks[task]):
            parts.append(_likelihood(study, task, files, rows, batch, lora))
            continue
        longest = longest_answers(rows, batch)
        if variant in UNTRAINED:
            longest = [(limit, sum(batches for _, batches in longest))]
        prompt, _ = mean_lengths(rows)
        parts += [
            part.times(batches)
            for tokens, batches in longest
            for part in generation_parts(files, prompt, min(tokens, limit), min(batch, rows.count), lora)
        ]
    return parts


def field_parts(study: Study, task: str, model: str, field: str) -> list[Part]:
    """The work of generating one field for every record of a task's source."""
    settings, batch = study.tasks[task], study.config["compute"]["generation_batch_size"]
    records = study.source(task).get("sample", sum(settings["splits"].values()))
    limit = settings["generated_fields"][field]["max_new_tokens"]
    prompt = settings.get("tokens", {}).get("prompt", FIELD_PROMPT)
    parts = generation_parts(study.models[model], prompt, limit, min(batch, records), 0.0)
    return [part.times(ceil(records / batch)) for part in parts]


def generation_parts(model: Mapping[str, Any], prompt: float, new: float, batch: float, lora: float) -> list[Part]:
    """The work of generating one batch of answers: the pass over the prompts, then one pass for each further token.

    Args:
        model: the model file's settings.
        prompt: mean tokens of a prompt.
        new: tokens of the longest answer.
        batch: number of answers in the batch.
        lora: number of weights of the LoRA; 0 for none.
    """
    sizes, (read, moved) = model_sizes(model), pass_traffic(model)
    read += lora * BYTES["float32"]
    prompts = branch_tokens(prompt, 0)
    prefill = batch * forward_flops(sizes, Tokens(prompts.total, 1, prompts.pairs), lora)
    context = prompt + new / 2  # mean over the tokens of the answer
    decoding = batch * forward_flops(sizes, Tokens(1, 1, context), lora)
    stored = batch * context * key_value_bytes(model)
    return [Part("prefill", prefill, read, moved), Part("decoding", decoding, read + stored, moved).times(new)]


def row_tokens(rows: SplitTokens, settings: Mapping[str, Any], stage: str) -> Tokens:
    """Mean tokens of a split's rows, each cut at `max_length` as in training.

    Args:
        rows: tokens of the rows of the split.
        settings: the stage's settings.
        stage: the stage. It determines whether a row is a single answer or a pair.
    """
    return _mean_tokens(rows, settings["max_length"], settings["layout"] != "padded", stage in PAIRED_STAGES)


@lru_cache(maxsize=256)
def _mean_tokens(rows: SplitTokens, max_length: int, shared: bool, paired: bool) -> Tokens:
    """Mean token counts per row. Each row is cut at `max_length` before the mean is taken.

    Args:
        rows: token counts of the rows.
        max_length: largest number of tokens that a prompt and one answer have together. Further tokens are cut.
        shared: whether the two answers of a pair share one copy of the prompt.
        paired: whether a row is a pair.
    """

    def cut(row: Row, answer: float) -> float:
        return max(min(row.prompt + answer, max_length) - row.prompt, 0)

    def tokens(row: Row) -> Tokens:
        prompt, answer = min(row.prompt, max_length), cut(row, row.answer)
        if not paired:
            return answer_tokens(prompt, answer)
        return branch_tokens(prompt, answer, cut(row, row.rejected), shared=shared)

    count = rows.count
    each = [(tokens(row), row.weight / count) for row in rows.rows]
    return Tokens(*(sum(getattr(row, key) * share for row, share in each) for key in ("total", "predicted", "pairs")))


def lora_weights(study: Study, task: str, model: str, stage: str) -> float:
    """Number of LoRA weights that a stage's forward passes use.

    In a stage after SFT, these are the weights of the frozen SFT adapter and of the stage's own adapter.
    """
    rank, targets = study.adapter_rank(task, stage), study.models[model]["lora_targets"]
    return model_sizes(study.models[model]).lora_weights(rank, targets)


def _forward(
    name: str, model: Mapping[str, Any], tokens: Tokens, rows: float, batch: int, lora: float | None, full: bool
) -> Part:
    """The work of forward passes over rows.

    Args:
        name: name of the work.
        model: the model file's settings.
        tokens: mean tokens of a row.
        rows: number of rows.
        batch: number of rows in one pass.
        lora: number of weights of the LoRA; None or 0 for none.
        full: whether the model's weights are read in float32, as in a stage that trains all of them.
    """
    read, moved = pass_traffic(model, full)
    passes = ceil(rows / batch)
    return Part(name, rows * forward_flops(model_sizes(model), tokens, lora or 0.0), passes * read, passes * moved)


def _likelihood(study: Study, task: str, model: Mapping[str, Any], rows: SplitTokens, batch: int, lora: float) -> Part:
    """The work of computing the likelihood of every spelling of every label after each prompt.

    Each prompt is computed once.

    Args:
        study: the run's study.
        task: name of the task.
        model: the model file's settings.
        rows: tokens of the rows.
        batch: number of rows in one pass.
        lora: number of weights of the LoRA; 0 for none.
    """
    settings = study.tasks[task]
    spellings = len(settings["labels"]) + sum(len(each) for each in settings.get("label_synonyms", {}).values())
    prompt, answer = mean_lengths(rows)
    tokens = branch_tokens(prompt, *[answer] * spellings)
    return _forward("likelihood", model, tokens, rows.count, batch, lora, full=False)
