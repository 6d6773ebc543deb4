"""Texts that say what the papers concluded about DPO compared with SFT."""

from collections.abc import Mapping
from typing import Any

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.papers.published import PUBLISHED_NAMES, Study


def conclusion(studies: Mapping[str, Study], task: str, model: str, metric: str) -> str:
    """What a paper concluded about DPO compared with SFT: "no difference shown (0.98 to 0.95, P=.55)".

    The paper is the first in `studies` that prints both a value for SFT and a value for DPO. Without such a paper, the
    text is "". If the paper prints P of this comparison and a significance threshold, the conclusion follows from P.
    Otherwise, the text says whether the value for DPO is higher, lower or equal, and that it was not tested.

    Args:
        studies: name of a study -> its printed results, from `published.load_published`.
        task: name of the task.
        model: name of the published model.
        metric: the task's headline metric, a key of METRICS.
    """
    name = METRICS[metric].name
    for study in studies.values():
        values = {
            entry["variant"]: entry
            for entry in study["entries"]
            if (entry["task"], entry["model"], entry["metric"]) == (task, model, PUBLISHED_NAMES.get(name, name))
        }
        if "sft" in values and "dpo" in values:
            return _in_words(values["sft"], values["dpo"], study.get("significance"))
    return ""


def _in_words(sft: Mapping[str, Any], dpo: Mapping[str, Any], significance: Mapping[str, Any] | None) -> str:
    printed = f"{sft['value']:.{sft['decimals']}f} to {dpo['value']:.{dpo['decimals']}f}"
    direction = "higher" if dpo["value"] > sft["value"] else "lower" if dpo["value"] < sft["value"] else "equal"
    if not dpo["p"] or dpo["against"] != "sft" or not significance:
        return f"DPO {direction}, not tested ({printed})"
    bound = float(dpo["p"].lstrip("<>"))
    shown = not dpo["p"].startswith(">") and bound < significance["threshold"]
    words = "no difference shown" if not shown else "DPO better" if direction == "higher" else "DPO worse"
    relation = f"P{dpo['p']}" if dpo["p"][0] in "<>" else f"P={dpo['p']}"
    return f"{words} ({printed}, {relation})"
