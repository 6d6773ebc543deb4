"""Import external predictions for the test items from a table, and record the origin of the table."""

from clinical_dpo.script import job
from clinical_dpo.data.sources.files import file_options, retrieve_file
from clinical_dpo.grading.external import imported_answers
from clinical_dpo.io import read_jsonl, write_json, write_jsonl

with job(snakemake) as params:
    table, test = params.table, read_jsonl(snakemake.input.test)
    rows, record = retrieve_file(table["path"], **file_options(table))
    answers = imported_answers(rows, test, table["columns"], params.metric, record)
    write_jsonl(snakemake.output.answers, answers)
    write_json(snakemake.output.record, record | {"rows": len(answers), "columns": table["columns"]})
