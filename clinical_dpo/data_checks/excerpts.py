"""Remove the excerpts of texts from a data card, for readers who must not see any text of a row."""

EXCERPTS = ("before", "after")  # last columns of the table of faults of texts: a text before and after its repair


def without_excerpts(card: str) -> str:
    """Remove the excerpts of texts from a data card.

    The excerpts are in the columns `before` and `after` of the table of text faults. Both columns are removed. A card
    without these columns is returned unchanged.

    Args:
        card: the page from `data_card`.
    """
    lines = card.split("\n")
    end_of_header = f"| {' | '.join(EXCERPTS)} |"
    start = next((number for number, line in enumerate(lines) if line.endswith(end_of_header)), None)
    if start is None:
        return card
    end = next(number for number in range(start, len(lines)) if not lines[number].startswith("|"))
    kept = -len(EXCERPTS) - 1  # a line ends with a bar; bars within texts are escaped
    table = [f"{' |'.join(line.split(' |')[:kept])} |" for line in lines[start:end]]
    return "\n".join([*lines[:start], *table, *lines[end:]])
