"""The model card of a released model, in the format of the Hugging Face hub."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from clinical_dpo.escaping import markdown, markdown_table

# Licences for which the hub has an identifier. A card gives any other licence as `other`, with its name.
IDENTIFIERS = ("apache-2.0", "mit", "cc-by-4.0", "cc-by-nc-4.0", "llama3", "llama3.1", "gemma")
STAGES = {"sft": "supervised fine-tuning (SFT)", "dpo": "SFT and direct preference optimization (DPO)"}
SETTINGS = ("learning_rate", "beta", "loss", "batch_size", "lr_scheduler_type", "optimizer", "max_length", "seed")

_LIKELIHOOD = "In the study an answer is the label with the highest probability. The code above writes a text instead."


@dataclass(frozen=True)
class Released:
    """The facts about a released model from which its card is written."""

    task: Mapping[str, Any]  # settings of the task file
    model: Mapping[str, Any]  # name, title, dtype and license of the model file
    stage: str  # sft or dpo
    max_new_tokens: int
    base: Mapping[str, Any]  # base.json of the base model: id, revision and origin
    base_path: str | None  # the base model's folder, relative to the released one; None for a model of the hub
    ends: Sequence[int]  # ids of the tokens that end an answer
    adapter: bool  # whether the weights are an adapter
    merged: bool  # whether the folder `merged` exists
    run: Mapping[str, Any]  # run.json of the training
    manifest: Mapping[str, Any]  # data/manifest.json of the task
    metrics: Sequence[Mapping[str, str]]  # rows of metrics.csv
    weights: bool = True  # whether the card is beside the weights


def model_card(released: Released) -> str:
    """The card of a released model: Markdown with a YAML head."""
    task, title = released.task, markdown(released.model["title"])
    parts = [
        f"---\n{yaml.safe_dump(_head(released), sort_keys=False, allow_unicode=True)}---",
        f"# {title}, {released.stage.upper()}: {markdown(task['title'])}",
        f"{title} after {STAGES[released.stage]} on one task. {markdown(task.get('description', ''))}".strip(),
        *(_loading(released) if released.weights else ["The weights are not beside this card."]),
        "## Data",
        _data(released),
        "## Training",
        _training(released),
        "## Results",
        _results(released),
        "## Limits",
        _limits(released),
        "## Licence",
        _licence(released),
    ]
    return "\n\n".join(parts) + "\n"


def _head(released: Released) -> dict[str, Any]:
    """The fields of the card's YAML head: metadata that the Hugging Face hub reads."""
    licence = released.model.get("license", "").split(" (")[0]
    known = licence.lower() in IDENTIFIERS
    head: dict[str, Any] = {"library_name": "peft" if released.adapter else "transformers"}
    head |= {"pipeline_tag": "text-generation", "license": licence.lower() if known else "other"}
    head |= {} if known or not licence else {"license_name": licence}
    head |= {"base_model": released.base["id"]} if released.base["source"] == "hub" else {}
    source = released.manifest["source"]
    head |= {"datasets": [source["id"]]} if source["kind"] == "hub" else {}
    return head | {"tags": [released.stage, "clinical-dpo"]}


def _loading(released: Released) -> list[str]:
    """The paragraphs of the section with the code that loads the model."""
    return [
        "## How to load",
        "Run this in the folder of this file, or with the full path of the folder.",
        f"```python\n{loading_code(released)}```",
        *([_LIKELIHOOD] if released.task.get("answer_by") == "likelihood" else []),
        *(["`merged/` holds the same model as ordinary weights, without PEFT."] if released.merged else []),
    ]


def loading_code(released: Released) -> str:
    """Python code that loads the model from the current folder and writes an answer to one question.

    The code decodes greedily, with the study's system prompt, token limit and end tokens. It loads the weights without
    quantization. It does not score labels by likelihood.
    """
    dtype = released.model["dtype"]
    if not released.adapter:
        load = ["from transformers import AutoModelForCausalLM, AutoTokenizer", ""]
        load += ['folder = "."', f'model = AutoModelForCausalLM.from_pretrained(folder, dtype="{dtype}")']
    elif released.base_path is None:
        load = ["from peft import AutoPeftModelForCausalLM", "from transformers import AutoTokenizer", ""]
        load += ['folder = "."', f'model = AutoPeftModelForCausalLM.from_pretrained(folder, dtype="{dtype}")']
    else:
        load = ["from pathlib import Path", "", "from peft import PeftModel"]
        load += ["from transformers import AutoModelForCausalLM, AutoTokenizer", "", 'folder = "."']
        load += [f"base = Path(folder) / {json.dumps(released.base_path)}"]
        load += [f'model = AutoModelForCausalLM.from_pretrained(base, dtype="{dtype}")']
        load += ["model = PeftModel.from_pretrained(model, folder)"]
    system = released.task.get("system_prompt")
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": "..."})
    return "\n".join(
        [
            *load,
            "tokenizer = AutoTokenizer.from_pretrained(folder)",
            f"messages = {json.dumps(messages, ensure_ascii=False)}",
            "inputs = tokenizer.apply_chat_template(",
            '    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True',
            ")",
            "output = model.eval().generate(",
            f"    **inputs, do_sample=False, max_new_tokens={released.max_new_tokens},",
            f"    eos_token_id={list(released.ends)}, pad_token_id={released.ends[0]},",
            ")",
            'print(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))',
            "",
        ]
    )


def _data(released: Released) -> str:
    """A paragraph on origin, licence and sizes of the data. The paragraph quotes no row of the data."""
    manifest, task = released.manifest, released.task
    source, counts = manifest["source"], manifest["counts"]
    lines = []
    if source["data"] == "synthetic":
        lines.append("The text is generated. It is no evidence about medicine.")
    elif source["kind"] == "hub":
        lines.append(f"Data set {markdown(source['id'])} of the Hugging Face hub, commit {source['revision']}.")
    else:
        lines.append("The data are a file of the study's authors. This card does not name it.")
    if source["data"] == "real":
        lines.append(f"Licence of the data: {markdown(task.get('licence', 'not stated'))}.")
        lines += [markdown(task["citation"])] if "citation" in task else []
    sizes = ", ".join(f"{counts[split]} {split}" for split in counts)
    lines.append(
        f"Rows: {sizes}. The model was trained on split train, its training settings were chosen on split dev, and its "
        "eval loss was measured on split eval."
    )
    if task.get("phi"):
        lines.append("**The rows are of patients. Weights can repeat what they were trained on.**")
    return " ".join(lines)


def _training(released: Released) -> str:
    """A Markdown table of base model, steps, settings, device and library versions."""
    run, settings = released.run, released.run["settings"]
    base = released.base
    rows = {"base model": f"{base['id']}, revision {base['revision']}", "steps": run["steps"]}
    rows |= {key: settings[key] for key in SETTINGS if key in settings}
    if released.adapter:
        rows |= {f"lora {key}": value for key, value in settings["lora"].items()}
        rows |= {"layers with a LoRA": ", ".join(f"{name} ({n})" for name, n in run.get("lora_layers", {}).items())}
    rows |= {"device": run["device"]} | dict(run["versions"])
    return markdown_table(("", ""), rows.items())


def _results(released: Released) -> str:
    """A Markdown table of the metrics of the base model and of the released model on the test rows, with intervals."""
    rows: dict[str, dict[str, str]] = {}
    for row in released.metrics:
        if row["model"] == released.model["name"] and row["variant"] in ("base", released.stage):
            low, high = row["ci_low"], row["ci_high"]
            estimate = _number(row["estimate"]) + (f" ({_number(low)} to {_number(high)})" if low and high else "")
            shown = rows.setdefault(row["metric"], {"n": row["n"]})
            shown[row["variant"]] = f"{estimate}{' (proxy)' if row['proxy'] == 'true' else ''}"
    header = ("metric", "base model", "this model", "items")
    table = [(metric, row.get("base", ""), row.get(released.stage, ""), row["n"]) for metric, row in rows.items()]
    return f"On test rows that no training saw, with 95% intervals.\n\n{markdown_table(header, table)}"


def _number(text: str) -> str:
    """A number with three significant digits; "pending" for an empty text."""
    return f"{float(text):.3g}" if text else "pending"


def _limits(released: Released) -> str:
    """A paragraph that names uses for which the model was not tested, and says that the model is no medical device."""
    length = released.run["settings"]["max_length"]
    return (
        f"The model was trained and tested on one task, in the wording of its prompts, with at most {length} tokens a "
        "row. It was not tested on other tasks, hospitals or languages, and its answers were not reviewed for safety. "
        "It is no medical device. The intervals cover the sampling of test rows only."
    )


def _licence(released: Released) -> str:
    """Sentences that name the base model's licence, which also applies to the trained weights."""
    licence = released.model.get("license")
    name = markdown(licence) if licence else "not stated in the model file"
    return f"The base model's licence applies to these weights: {name}. The data's licence may add terms."
