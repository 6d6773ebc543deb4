"""Snakemake's lines about a job are short, and say how much was cut."""

import logging

from snakemake.logging import DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent

from clinical_dpo.line_length import LONGEST
from clinical_dpo.terminal.snakemake_lines import ShortLines, shortened

FILES = [f"results/demo/uti/tiny-llama/file{i}.json" for i in range(200)]


def lengths(text):
    return [len(line) for line in text.split("\n")]


def test_a_long_list_keeps_whole_items_and_counts_the_others():
    line = shortened("    input: " + ", ".join(FILES))
    kept, _, rest = line.partition(", ... (")
    items = kept.removeprefix("    input: ").split(", ")
    assert items == FILES[: len(items)] and rest == f"{200 - len(items)} more)"
    assert LONGEST - 60 < len(line) <= LONGEST


def test_every_reason_of_a_job_stays_with_its_first_files():
    lists = ", ".join(FILES)
    changed = "Params have changed since last execution: before: 'a' now: " + " ".join(["'b'"] * 200)
    reason = f"Missing output files: {lists}; Updated input files: {lists}; Set of input files has changed; {changed}"
    text = shortened(f"    reason: {reason}")
    assert f"Missing output files: {FILES[0]}, " in text and f"Updated input files: {FILES[0]}, " in text
    assert text.count(" more)") == 2 and "Set of input files has changed; Params have changed" in text
    assert text.count("'b'") == 200 and max(lengths(text)) <= LONGEST


def test_other_long_lines_are_kept_whole_on_several_lines():
    rules = ", ".join(f"rule{i}" for i in range(200))
    text = shortened(f"Reasons:\n    input files updated by another job:\n        {rules}")
    assert " ".join(text.split()) == f"Reasons: input files updated by another job: {rules}"
    assert max(lengths(text)) <= LONGEST


def test_snakemakes_text_of_a_failed_job_keeps_all_but_long_lists():
    record = logging.LogRecord("snakemake", logging.ERROR, "jobs.py", 1, "Error in rule train, jobid: 7", (), None)
    vars(record).update(
        event=LogEvent.JOB_ERROR,
        rule_name="train",
        rule_msg=None,
        jobid=7,
        input=FILES,
        output=["adapter.json"],
        log=["logs/train.log"],
        conda_env=None,
        shellcmd=None,
        aux={"external_jobid": "42"},
    )
    own = DefaultFormatter()
    text, full = ShortLines(own).format(record).split("\n"), own.format(record).split("\n")
    assert [line for line in text if "input: " not in line][1:] == [line for line in full if "input: " not in line][1:]
    assert max(map(len, full)) > 5000 and max(map(len, text)) <= LONGEST


def test_a_record_without_text_stays_without_text():
    record = logging.LogRecord("snakemake", logging.INFO, "x.py", 1, None, (), None)
    assert not ShortLines(DefaultFormatter()).format(record)
