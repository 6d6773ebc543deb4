"""Write dev and test rows with the run's examples in their prompts, and check that the model can read these prompts."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.data.few_shot import draw_examples, with_examples
from clinical_dpo.io import read_json, read_jsonl, write_json, write_jsonl
from clinical_dpo.tokenization.context import check_context
from clinical_dpo.tokenization.tokenizer import load_tokenizer

with job(snakemake) as params:
    inputs, base = snakemake.input, Path(snakemake.input.base).parent
    examples = draw_examples(read_jsonl(inputs.train), params.examples, params.seed)
    tokenizer, context = load_tokenizer(base), read_json(base / "config.json").get("max_position_embeddings")
    longest = {}
    for split in ("dev", "test"):
        rows = [with_examples(row, examples) for row in read_jsonl(inputs[split])]
        longest[split] = check_context(rows, tokenizer, params.answer, context, f"{inputs[split]}")
        write_jsonl(snakemake.output[split], rows)
    record = {"examples": [row["id"] for row in examples], "longest_prompt": longest, "made_with": params.made_with}
    write_json(snakemake.output.record, record)
