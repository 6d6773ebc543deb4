"""Where a task's records come from: a file, the Hugging Face hub, or text generated here."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from clinical_dpo.data.sources.files import OPTIONS, retrieve_file
from clinical_dpo.data.sources.hub import retrieve_hub
from clinical_dpo.data.sources.medqa import to_open_question
from clinical_dpo.data.sources.meqsum import to_summary
from clinical_dpo.data.sources.pubmedqa import to_context_question
from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.io import Row

# A reader makes a record of a publisher's row, or gives the reason for leaving it out.
READERS: dict[str, Callable[[Mapping[str, Any]], Row | str]] = {
    "medqa": to_open_question,
    "meqsum": to_summary,
    "pubmedqa": to_context_question,
}
_PUBLISHED_IDS = ("pubmedqa",)  # readers whose ids are the publisher's: one that comes twice is a mistake


def retrieve(source: Mapping[str, Any], *, seed: int, n: int) -> tuple[list[Row], dict[str, Any]]:
    """Records of a source and their provenance.

    Args:
        source: a task file's `source` or `stand_in`.
        seed: of generated text, and of the draw where the source has a `sample`.
        n: how many records to generate; other sources have their own.

    Returns:
        The records, and a dict of kind, data (`real` or `synthetic`), where they came from (path and sha256; id and
        revision; or generator and seed), `rows` found, `sampled` (those drawn, where asked for) and `drops`
        (reason -> count).

    Raises:
        UserError: what the source or a row of it lacks, with place and mend.
    """

    def drawn(total: int) -> Sequence[int]:
        """Places of the rows that are kept, of so many."""
        if "sample" not in source:
            return range(total)
        return sorted(Random(f"sample/{seed}").sample(range(total), min(source["sample"], total)))

    if source["kind"] == "hub":
        # A large set is drawn from before its rows are read.
        rows, provenance = retrieve_hub(source["id"], source["revision"], source["splits"], source.get("config"), drawn)
        where = source["id"]
    elif source["kind"] == "file":
        rows, provenance = retrieve_file(source["path"], **{key: source[key] for key in OPTIONS if key in source})
        where = provenance["path"]
    else:
        # Imported late: real data need none of the generators.
        from clinical_dpo.data.sources.synthetic.generate import generate

        noise = source.get("label_noise", 0.0)
        rows = generate(source["generator"], n, seed, label_noise=noise)
        provenance = {"kind": "synthetic", "data": "synthetic", "generator": source["generator"], "seed": seed}
        provenance["label_noise"] = noise
        where = f"generator {source['generator']}"
    places = drawn(provenance.setdefault("rows", len(rows)))
    if source["kind"] != "hub":
        rows = [rows[place] for place in places]
    numbered = list(zip((place + 1 for place in places), rows, strict=True))
    if "sample" in source:
        provenance["sampled"] = len(numbered)
    if "reader" not in source:
        return [row for _, row in numbered], provenance | {"drops": {}}
    records, drops = _read(numbered, source["reader"], where)
    return records, provenance | {"drops": drops}


def _read(rows: Sequence[tuple[int, Row]], reader: str, where: str) -> tuple[list[Row], dict[str, int]]:
    """The records a reader makes of numbered rows, each once, and how many were left out for which reason."""
    records: dict[str, Row] = {}
    row_of: dict[str, int] = {}
    drops: Counter[str] = Counter()
    for number, row in rows:
        try:
            record = READERS[reader](row)
        except UserError as error:
            raise error.within(f"{where}, row {number}: ") from None
        if isinstance(record, str):
            drops[record] += 1
        elif record["id"] not in records:
            records[record["id"]], row_of[record["id"]] = record, number
        elif reader in _PUBLISHED_IDS:
            first = row_of[record["id"]]
            raise UserError(f"{where}, row {number}: id '{record['id']}' is also that of row {first}. Remove one.")
        else:
            drops["repeats another row"] += 1
    if not records:
        raise PublicError(f"{where}: reader {reader} keeps none of {len(rows)} rows ({dict(drops)}).")
    return list(records.values()), dict(sorted(drops.items()))
