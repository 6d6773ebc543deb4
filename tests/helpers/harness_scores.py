"""Scores of lm-evaluation-harness, in a process of its own: `harness_scores.py MODEL ROWS OUT LABEL [LABEL ...]`.

MODEL is a base model's folder, ROWS a JSON Lines file with `prompt` (text) and `target` (index of the label). OUT gets
JSON: `scores`, per row the log-probability of each label after the chat template's prompt, and `accuracy`.
"""

import json
import sys

from lm_eval.api.task import ConfigurableTask
from lm_eval.evaluator import simple_evaluate
from lm_eval.models.huggingface import HFLM


def main(model: str, rows: str, out: str, labels: list[str]) -> None:
    task = ConfigurableTask(
        config={
            "task": "labels",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": rows}},
            "test_split": "test",
            "output_type": "multiple_choice",
            "doc_to_text": "{{prompt}}",
            "doc_to_choice": labels,
            "doc_to_target": "target",
            "target_delimiter": "",
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        }
    )
    harness = HFLM(pretrained=model, tokenizer=model, device="cpu", dtype="float32", batch_size=4)
    results = simple_evaluate(
        harness, tasks=[task], apply_chat_template=True, log_samples=True, bootstrap_iters=0, num_fewshot=0
    )
    samples = sorted(results["samples"]["labels"], key=lambda sample: sample["doc_id"])
    with open(out, "w") as file:
        scores = [[float(resp[0][0]) for resp in sample["resps"]] for sample in samples]
        json.dump({"scores": scores, "accuracy": results["results"]["labels"]["acc,none"]}, file)


if __name__ == "__main__":
    main(*sys.argv[1:4], sys.argv[4:])
