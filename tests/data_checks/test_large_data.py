"""Memory of checks on many rows."""

import resource
import subprocess
import sys

import pytest

from tests.conftest import ROOT

THIRTY_THOUSAND = """
import random, sys, time
from clinical_dpo.data_checks.row_checks import named_rows, row_findings, token_findings
from clinical_dpo.tokenization.lengths import measure_lengths
from tests.helpers.chat_tokenizers import chat_tokenizer
from tests.helpers.task_rows import task_row
rng = random.Random(0)
vocabulary = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in ("a", "e", "io", "ou") for c in "bdklmnrst"]
def make_row(i):  # as long as ACI-Bench's notes: a mean of 420 words, up to 884
    text = " ".join(rng.choices(vocabulary, k=rng.randint(100, 740))) + "."
    return task_row(f"r{i}", text, "No infection.")
rows = [make_row(i) for i in range(29900)]
rows += [row | {"id": row["id"] + "b"} for row in rows[:100]]
splits = {"train": rows[:20000], "eval": rows[20000:22000], "dev": rows[22000:24000], "test": rows[24000:]}
started, cpu = time.perf_counter(), time.process_time()
named = named_rows(splits, False)
findings = row_findings(named)
for kind in ("llama3", "mistral"):
    tokenizer = chat_tokenizer(kind, tuple(row["prompt"][0]["content"] for row in rows[:50]))
    lengths = measure_lengths(rows, tokenizer)
    findings += token_findings(named, lengths, {"max_length": 2048, "max_new_tokens": 64, "written": 64}, kind)
seconds = [round(time.perf_counter() - started, 1), round(time.process_time() - cpu, 1)]
print("seconds, of CPU:", seconds, {finding.check: finding.rows for finding in findings})
"""


@pytest.mark.slow
def test_thirty_thousand_notes_take_less_than_two_gib():
    done = subprocess.run([sys.executable, "-c", THIRTY_THOUSAND], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    print(done.stdout, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, "MiB")
    assert "'test_in_training': 100" in done.stdout
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 2 * 2**20
