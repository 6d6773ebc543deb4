"""Retrieve a task's records from a file, the Hugging Face hub or a generator of this package."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from random import Random
from typing import Any

from clinical_dpo.data.columns import refuse_unread
from clinical_dpo.data.sources import healthbench, medqa, meqsum, pubmedqa
from clinical_dpo.data.sources.files import file_options, retrieve_file
from clinical_dpo.data.sources.hub import retrieve_hub, unchangeable
from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.expressions import kept_rows, read_condition
from clinical_dpo.io import Row

# A reader turns a publisher's row into a record, or returns the reason why the row is dropped.
READERS: dict[str, Callable[..., Row | str]] = {
    "healthbench": healthbench.to_verdict,
    "medqa": medqa.to_open_question,
    "meqsum": meqsum.to_summary,
    "pubmedqa": pubmedqa.to_context_question,
}
READER_COLUMNS: dict[str, Sequence[str]] = {  # reader -> the columns that it needs
    "healthbench": healthbench.COLUMNS,
    "medqa": medqa.FIELDS,
    "meqsum": meqsum.COLUMNS,
    "pubmedqa": pubmedqa.HUB,  # the publisher's file is JSON, of which every column is read
}
# Reader -> the share of the publisher's rows that the article kept.
PUBLISHED_SHARES = {"medqa": {"published_share": "Savage et al. 2025: {:,} of {:,}".format(*medqa.PUBLISHED)}}
_PUBLISHED_IDS = ("pubmedqa",)  # readers that use the publisher's ids; a repeated id is then an error


def retrieve(source: Mapping[str, Any], *, seed: int, n: int) -> tuple[list[Row], dict[str, Any]]:
    """Return the records of a source and their provenance.

    Args:
        source: a task file's `source` or `stand_in`. Its key `where` is a condition over the columns. The condition is
            applied after `sample` and `reader`, and only records that meet it are kept.
        seed: seed of generated text, and of the draw if the source has a `sample`.
        n: number of records to generate. A source whose text is not generated ignores this number.

    Returns:
        The records and their provenance. The provenance has the keys below. For a file or a hub data set, it also has
        the keys of the provenance that `retrieve_file` or `retrieve_hub` returns.

        - `kind`, and `data` (`real` or `synthetic`).
        - The origin: `path` and `sha256` of a file, `id` and `revision` of a hub data set, or `generator`, `seed` and
          `label_noise`.
        - `rows`: number of rows of the source.
        - `sampled`, if the source has a `sample`: number of drawn rows.
        - `drops`: reason -> number of rows that became no record; empty if the source has no `reader`.
        - `published_share`, if an article states how many of the publisher's rows its authors kept.
        - `where`, if the source has it: the `condition`, and the numbers of records `kept` and `dropped`.

    Raises:
        UserError: the source or one of its rows is not valid. The message says where, and what to do.
    """

    def drawn(total: int) -> Sequence[int]:
        """Draw as many of `total` rows as the source's `sample` says, and return their positions in ascending order.

        If the source has no `sample`, all positions are returned.
        """
        if "sample" not in source:
            return range(total)
        return sorted(Random(f"sample/{seed}").sample(range(total), min(source["sample"], total)))

    if source["kind"] == "hub":
        # The hub's rows are drawn before they are read, because a data set may be large.
        rows, provenance = retrieve_hub(
            source["id"], source["revision"], source["splits"], source.get("config"), drawn, source.get("repair", ())
        )
        where = source["id"]
    elif source["kind"] == "file":
        rows, provenance = retrieve_file(source["path"], **file_options(source))
        where = provenance["path"]
    else:
        # Imported late: only generated text needs the generators.
        from clinical_dpo.data.sources.synthetic.generate import generate

        noise = source.get("label_noise", 0.0)
        rows = generate(source["generator"], n, seed, label_noise=noise)
        provenance = {"kind": "synthetic", "data": "synthetic", "generator": source["generator"], "seed": seed}
        provenance["label_noise"] = noise
        where = f"generator {source['generator']}"
    positions = drawn(provenance.setdefault("rows", len(rows)))
    if source["kind"] != "hub":
        rows = [rows[position] for position in positions]
    numbered = list(zip((position + 1 for position in positions), rows, strict=True))
    if "sample" in source:
        provenance["sampled"] = len(numbered)
    if "reader" in source:
        refuse_unread(provenance, READER_COLUMNS[source["reader"]])
        with unchangeable() if source["kind"] == "hub" else nullcontext():
            records, provenance["drops"] = _read(numbered, source, where)
        provenance |= PUBLISHED_SHARES.get(source["reader"], {})
        names = [f"{where}, record {number}" for number in range(1, len(records) + 1)]
    else:
        records, provenance["drops"] = [row for _, row in numbered], {}
        names = [f"{where}, row {number}" for number, _ in numbered]
    if "where" in source:
        refuse_unread(provenance, read_condition(source["where"]).columns)
        records, provenance["where"] = _kept(records, source["where"], names)
    return records, provenance


def _kept(records: list[Row], text: str, names: Sequence[str]) -> tuple[list[Row], dict[str, Any]]:
    """Return the records that meet a condition, and the condition with the numbers of kept and dropped records.

    Args:
        records: all records.
        text: the condition, which is the value of the key `where` in the task file.
        names: the name of each record, for messages.

    Raises:
        UserError: the condition is not valid, or no record meets it.
    """
    try:
        kept = kept_rows(records, read_condition(text), names)
    except UserError as error:
        raise error.within("key 'where' of the task file: ") from None
    if not kept:
        raise PublicError(
            f"key 'where' of the task file: the condition '{text}' is true for none of the {len(records)} rows. "
            "Correct the condition, or raise `sample` if the source has it."
        )
    return [records[index] for index in kept], {
        **{"condition": text, "kept": len(kept), "dropped": len(records) - len(kept)}
    }


def _read(rows: Sequence[tuple[int, Row]], source: Mapping[str, Any], where: str) -> tuple[list[Row], dict[str, int]]:
    """Convert rows to records with the source's reader, the function in READERS that knows the publisher's format.

    If several rows give the same id, the first record is kept, and the later rows are counted as dropped. For a reader
    that takes the ids from the publisher (_PUBLISHED_IDS), a repeated id raises an error instead.

    Args:
        rows: number and content of each row.
        source: settings of the source: `reader`, and optionally `scope`.
        where: the file or data set, for messages.

    Returns:
        The records; and reason -> number of dropped rows.

    Raises:
        UserError: a row is not valid, an id of the publisher comes twice, or no record is left.
    """
    reader = source["reader"]
    read = partial(READERS[reader], strict=source["scope"] == "strict") if "scope" in source else READERS[reader]
    records: dict[str, Row] = {}
    row_of: dict[str, int] = {}
    drops: Counter[str] = Counter()
    for number, row in rows:
        try:
            record = read(row)
        except UserError as error:
            raise error.within(f"{where}, row {number}: ") from None
        if isinstance(record, str):
            drops[record] += 1
        elif record["id"] not in records:
            records[record["id"]], row_of[record["id"]] = record, number
        elif reader in _PUBLISHED_IDS:
            first = row_of[record["id"]]
            raise UserError(
                f"{where}, row {number}: id '{record['id']}' duplicates the id of row {first}. Remove one of the rows."
            )
        else:
            drops["repeats another row"] += 1
    if not records:
        raise PublicError(
            f"{where}: the reader '{reader}' drops all {len(rows)} rows. Number of dropped rows by reason: "
            f"{dict(drops)}. Correct `source` (or `stand_in`) in the task file."
        )
    return list(records.values()), dict(sorted(drops.items()))
