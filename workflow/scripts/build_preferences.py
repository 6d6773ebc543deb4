"""Pair every reference answer with a rejected answer."""

from clinical_dpo.script import job
from clinical_dpo.data.preferences import preference_pairs
from clinical_dpo.io import read_jsonl, write_json, write_jsonl
from clinical_dpo.thoughts import split_thought

with job(snakemake) as params:
    task, manifest = params.task, {}
    for split in ("train", "eval"):
        answers = snakemake.input.get(f"{split}_answers")
        pairs, manifest[split] = preference_pairs(
            read_jsonl(snakemake.input[split]),
            where=snakemake.input[split],
            policy=task["rejected_source"],
            seed=params.seed,
            labels=task.get("labels", ()),
            weights=task.get("other_label_weights", "uniform"),
            answers={row["id"]: split_thought(row["text"]).answer for row in read_jsonl(answers)} if answers else None,
        )
        write_jsonl(snakemake.output[split], pairs)
    write_json(snakemake.output.manifest, manifest | {"made_with": params.made_with})
