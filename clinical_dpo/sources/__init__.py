"""Where a task's records come from: a file, the Hugging Face hub, or text generated here."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.records import Row
from clinical_dpo.sources.files import retrieve_file
from clinical_dpo.sources.hub import retrieve_hub
from clinical_dpo.sources.medqa import to_open_question

# A reader makes a record of a publisher's row, or gives the reason for leaving it out.
READERS: dict[str, Callable[[Mapping[str, Any]], Row | str]] = {"medqa": to_open_question}


def retrieve(source: Mapping[str, Any], *, seed: int, n: int) -> tuple[list[Row], dict[str, Any]]:
    """Records of a source and their provenance.

    Args:
        source: a task file's `source` or `stand_in`.
        seed: of generated text.
        n: how many records to generate; files and data sets are read whole.

    Returns:
        The records, and a dict of kind, data (`real` or `synthetic`), where they came from (path and sha256; id and
        revision; or generator and seed), `rows` read and `drops` (reason -> count).

    Raises:
        UserError: what the source or a row of it lacks, with place and mend.
    """
    if source["kind"] == "file":
        rows, provenance = retrieve_file(source["path"])
        where = provenance["path"]
    elif source["kind"] == "hub":
        rows, provenance = retrieve_hub(source["id"], source["revision"], source["splits"], source.get("config"))
        where = source["id"]
    else:
        # Imported late: real data need none of the generators.
        from clinical_dpo.sources import synthetic

        noise = source.get("label_noise", 0.0)
        rows = synthetic.generate(source["generator"], n, seed, label_noise=noise)
        provenance = {"kind": "synthetic", "data": "synthetic", "generator": source["generator"], "seed": seed}
        provenance["label_noise"] = noise
        where = f"generator {source['generator']}"
    records, drops = (_read(rows, source["reader"], where)) if "reader" in source else (rows, {})
    return records, provenance | {"rows": len(rows), "drops": drops}


def _read(rows: Sequence[Row], reader: str, where: str) -> tuple[list[Row], dict[str, int]]:
    """The records a reader makes of rows, each once, and how many were left out for which reason."""
    records: dict[str, Row] = {}
    drops: Counter[str] = Counter()
    for number, row in enumerate(rows, start=1):
        try:
            record = READERS[reader](row)
        except UserError as error:
            raise UserError(f"{where}, row {number}: {error}") from None
        if isinstance(record, str):
            drops[record] += 1
        elif record["id"] in records:
            drops["repeats another row"] += 1
        else:
            records[record["id"]] = record
    if not records:
        raise UserError(f"{where}: reader {reader} keeps none of {len(rows)} rows ({dict(drops)}).")
    return list(records.values()), dict(sorted(drops.items()))
