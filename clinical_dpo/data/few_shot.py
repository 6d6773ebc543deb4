"""Build few-shot prompts: training rows become earlier turns of the conversation, before a row's own prompt."""

import random
from collections import defaultdict
from collections.abc import Sequence

from clinical_dpo.errors import PublicError
from clinical_dpo.records import TaskRow


def draw_examples(rows: Sequence[TaskRow], count: int, seed: int) -> list[TaskRow]:
    """Draw a run's few-shot examples from the training rows. The result does not depend on the order of `rows`.

    The examples are divided equally among the labels: the numbers of examples of two labels differ by at most one,
    unless a label has too few rows. If the rows have no labels, all examples are drawn at random. The order of the
    examples is random.

    Args:
        rows: the training rows.
        count: number of examples to draw.
        seed: seed of the draw.

    Raises:
        UserError: there are fewer training rows than examples.
    """
    if len(rows) < count:
        raise PublicError(
            f"arms.few_shot.examples is {count}, but the training split has only {len(rows)} rows. Set a smaller "
            "number of examples in the task file."
        )
    rng = random.Random(f"{seed}:few_shot")
    by_label: dict[str, list[TaskRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["id"]):
        by_label[row.get("label", "")].append(row)
    decks = [by_label[label] for label in sorted(by_label)]
    rng.shuffle(decks)
    for deck in decks:
        rng.shuffle(deck)
    turns = [deck[turn] for turn in range(count) for deck in decks if turn < len(deck)]
    examples = turns[:count]
    rng.shuffle(examples)
    return examples


def with_examples(row: TaskRow, examples: Sequence[TaskRow]) -> TaskRow:
    """Return a copy of the row whose prompt begins with the prompts and answers of `examples`, as earlier turns.

    If the row has a system message, this message stays first. System messages of the examples are left out.
    """
    system = [message for message in row["prompt"] if message["role"] == "system"]
    turns = [message for each in examples for message in (*each["prompt"], *each["completion"])]
    dialogue = [message for message in (*turns, *row["prompt"]) if message["role"] != "system"]
    return {**row, "prompt": [*system, *dialogue]}
