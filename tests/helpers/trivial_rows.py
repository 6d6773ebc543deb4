"""Rows of a table of trivial answers."""

from clinical_dpo.statistics.trivial import COLUMNS


def trivial_rows(**by_variant):
    """Both trivial answers and a model's three variants, as read from CSV. Keywords change the rows of a variant."""
    numbers = {"f1": "0.9", "macro_f1": "0.85", "accuracy": "0.88", "sensitivity": "0.91", "specificity": "0.81"}
    shared = dict.fromkeys(COLUMNS, "") | {"task": "uti", "data": "real", "n": "100"} | numbers
    alone = {"label_share": "1.0", "one_label": "true"}
    rows = [
        shared | alone | {"variant": "majority", "label": "No UTI", "f1": "0.0"},
        shared | alone | {"variant": "always_positive", "label": "UTI", "f1": "0.667"},
    ]
    for variant in ("base", "sft", "dpo"):
        row = shared | {"model": "llama", "variant": variant, "label": "UTI", "label_share": "0.52"}
        row |= {"one_label": "false", "rival": "always_positive", "difference": "0.23", "level": "0.99"}
        row |= {"ci_low": "0.1", "ci_high": "0.3", "above_trivial": "true"}
        rows.append(row | by_variant.get(variant, {}))
    return rows


YES_TO_ALL = {"above_trivial": "false", "one_label": "true", "label_share": "0.98", "ci_low": "-0.05"}
