"""Generate synthetic clinical text for the tasks. Labels and answers follow by rule from the facts of a note.

A digest of a note's text decides whether the note is for tasks or for the pre-training of tiny models
(`vocabulary.is_task_note`). `generate` returns only notes for tasks, so the pre-training uses none of them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from clinical_dpo.comparable import comparable
from clinical_dpo.data.sources.synthetic import meqsum, pubmedqa, reasoning, summarization, triage, triage_levels, uti
from clinical_dpo.data.sources.synthetic.vocabulary import is_task_note
from clinical_dpo.errors import UserError
from clinical_dpo.io import Row

_PATIENCE = 1000  # after this many draws in a row without a new note, the notes count as exhausted


@dataclass(frozen=True)
class Generator:
    """How to make the records of one domain, such as triage.

    `draw` draws a random case, and `record` makes a record from the case. `labels` lists the values that each label
    field can have.
    """

    draw: Callable[[Random], Any]  # returns a case: `text`, `borderline` and facts of the domain
    record: Callable[[Any, Random], Row]
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # label field -> its values, in their order
    balanced: str | None = None  # label field whose two values have equal numbers of records


GENERATORS: dict[str, Generator] = {
    "uti": Generator(uti.draw, uti.record, {"label": uti.LABELS}, balanced="label"),
    "triage": Generator(triage.draw, triage.record, {"urgency": triage.URGENCY, "personnel": triage.PERSONNEL}),
    "triage_levels": Generator(triage_levels.draw, triage_levels.record, {"level": triage_levels.LEVELS}),
    "reasoning": Generator(reasoning.draw, reasoning.record),
    "summarization": Generator(summarization.draw, summarization.record),
    "pubmedqa": Generator(pubmedqa.draw, pubmedqa.record),
    "meqsum": Generator(meqsum.draw, meqsum.record),
}
QUESTIONS: dict[str, str] = {
    "uti": uti.QUESTION,
    "triage_urgency": triage.URGENCY_QUESTION,
    "triage_personnel": triage.PERSONNEL_QUESTION,
    "reasoning": "",  # each record has its own question
    "summarization": summarization.QUESTION,
    "pubmedqa": pubmedqa.INSTRUCTION,
    "meqsum": meqsum.INSTRUCTION,
}


def draw_cases(generator: str, rng: Random, for_tasks: bool) -> Iterator[Any]:
    """Yield distinct cases (a text and its facts) until the generator draws no new text.

    Args:
        generator: a key of GENERATORS.
        rng: source of random numbers.
        for_tasks: True yields the cases for tasks, False the cases for the pre-training of tiny models.
    """
    draw = GENERATORS[generator].draw
    seen: set[str] = set()
    misses = 0
    while misses < _PATIENCE:
        case = draw(rng)
        key = comparable(case.text)  # of two notes with the same key, only the first is yielded
        if key in seen or is_task_note(case.text) != for_tasks:
            misses += 1
            continue
        misses = 0
        seen.add(key)
        yield case


def generate(generator: str, n: int, seed: int, label_noise: float = 0.0) -> list[Row]:
    """Return `n` distinct records, which the seed determines.

    Args:
        generator: a key of GENERATORS.
        n: number of records.
        seed: seed of all draws.
        label_noise: share of each label's records that get a neighbouring label, as if physicians disagreed. Borderline
            notes change first.

    Returns:
        Flat records: `id` and the fields of the domain. Any two texts differ in more than case and white space.

    Raises:
        UserError: the generator is unknown, `n` is negative or exceeds the number of distinct notes, or `label_noise`
            is not in 0 to 0.5.
    """
    if generator not in GENERATORS:
        raise UserError(f"generator '{generator}' is not known. Choose one of {', '.join(GENERATORS)}.")
    if not 0 <= label_noise <= 0.5:
        raise UserError(f"generator {generator}: label_noise is {label_noise}. Set a share from 0 to 0.5.")
    if n < 0:
        raise UserError(f"generator {generator}: the number of records is {n}. Set a number of 0 or more.")
    maker = GENERATORS[generator]
    rng = Random(f"{generator}/{seed}")
    cases: list[Any] = []
    rows: list[Row] = []
    counts: Counter[str] = Counter()
    for case in draw_cases(generator, rng, for_tasks=True):
        if len(rows) >= n:
            break
        row = maker.record(case, rng)
        if maker.balanced:
            value = row[maker.balanced]
            if counts[value] >= (n + 1) // 2:
                continue
            counts[value] += 1
        cases.append(case)
        rows.append({"id": f"{generator}-{len(rows):05d}", **row})
    if len(rows) < n:
        raise UserError(
            f"generator {generator}: only {len(rows)} distinct records exist, not {n}. Lower the numbers in `splits`."
        )
    for name, values in maker.labels.items():
        _disagree(rows, [name in case.borderline for case in cases], name, values, label_noise, rng)
    return rows


def _disagree(
    rows: list[Row], borderline: list[bool], name: str, values: tuple[str, ...], share: float, rng: Random
) -> None:
    """Simulate the disagreement of physicians: change the labels of some rows, in place.

    For each label, a fraction of the rows (`share`) is changed, borderline rows first. A changed row gets the next
    label in `values`. A row with the last label gets the label before the last.

    Args:
        rows: all rows.
        borderline: for each row, whether physicians may disagree about its label.
        name: field of the label.
        values: the labels, in their order.
        share: share of each label's rows that change.
        rng: source of random numbers.
    """
    groups = {value: [i for i, row in enumerate(rows) if row[name] == value] for value in values}
    for value, neighbour in zip(values, (*values[1:], values[-2]), strict=True):
        order = sorted(groups[value], key=lambda i: (not borderline[i], rng.random()))
        for i in order[: round(share * len(order))]:
            rows[i][name] = neighbour
