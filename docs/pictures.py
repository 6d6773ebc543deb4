"""Make the pictures of README.md from a finished demo: `make demo`, then `python -m docs.pictures`.

`figure2.png` is a copy of a panel that the demo drew. `decisions.png` shows the demo's decisions on DPO against SFT.
"""

import argparse
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.io import read_csv
from clinical_dpo.report.figures.style import COLOURS, FAINT, INK, LIGHT, axes_at, drawing, write_footnote, write_title

PANEL = "figures/figure2b.png"  # of reports/demo
DECISIONS = "tables/decisions.csv"
TITLE = "Is SFT enough? DPO minus SFT on the demo's tasks"
FOOTNOTE = (
    "Demo numbers: generated text, models of 0.6 million parameters. They say nothing about medicine.\n"
    "One margin is the smallest difference that matters. Grey: DPO and SFT differ by less than it. Whiskers: the "
    "interval that decides."
)
VERDICTS = {"SFT is enough": COLOURS["sft"], "DPO is worth it": COLOURS["dpo"]}
ROW = 0.2  # inches
LEFT, MIDDLE, RIGHT = 1.75, 3.4, 1.25  # inches: names, differences, verdicts
HEAD, FOOT = 0.3, 0.7  # inches
TWO_SIDED = ("better", "worse", "no better than trivial")  # decisions that the interval of level 1 - alpha makes


def main(arguments: Sequence[str] | None = None) -> None:
    """Make both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--reports", type=Path, default=Path("reports/demo"), help="the folder of a finished demo's report"
    )
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"), help="the folder of the pictures")
    parser.add_argument("--format", default="png", help="png, svg or pdf")
    options = parser.parse_args(arguments)
    missing = [str(options.reports / name) for name in (PANEL, DECISIONS) if not (options.reports / name).is_file()]
    if missing:
        sys.exit(f"{', '.join(missing)}: missing. Run `make demo`, or name a finished demo with --reports.")
    options.out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(options.reports / PANEL, options.out / "figure2.png")
    draw_decisions(read_csv(options.reports / DECISIONS), [options.out / f"decisions.{options.format}"])


def draw_decisions(rows: Iterable[Mapping[str, Any]], paths: Sequence[str | Path]) -> None:
    """Draw the difference of DPO and SFT for each task and model, in units of the task's margin, with the decision.

    Args:
        rows: the table of decisions. Only comparisons of DPO with SFT are drawn.
        paths: files to write. The suffix (.svg, .pdf, .png) is the format.
    """
    drawn = [row for row in rows if row["comparison"] == "dpo_vs_sft"]
    height = HEAD + ROW * len(drawn) + FOOT
    with drawing(LEFT + MIDDLE + RIGHT, height, paths) as figure:
        axes = axes_at(figure, LEFT, HEAD, MIDDLE, ROW * len(drawn))
        axes.axvspan(-1, 1, color=LIGHT, linewidth=0)
        axes.axvline(0, color=FAINT, linewidth=0.6)
        for y, row in enumerate(drawn):
            prefix = "" if row["decision"] in TWO_SIDED else "margin_"
            effect, low, high = (
                float(row[key]) / float(row["margin"]) for key in ("effect", f"{prefix}ci_low", f"{prefix}ci_high")
            )
            verdict = row["sentence"].partition(":")[0]
            colour = VERDICTS.get(verdict, INK)
            axes.plot((low, high), (y, y), color=colour, linewidth=1.2, solid_capstyle="butt")
            axes.plot(effect, y, "o", color=colour, markersize=3.2)
            edges: tuple[tuple[float, str, str, dict[str, Any]], ...] = (
                (-0.02, f"{row['task']}, {row['model']}", "right", {}),
                (1.02, verdict, "left", {"weight": "bold", "color": colour}),
            )
            for x, text, side, font in edges:
                axes.text(x, y, text, transform=axes.get_yaxis_transform(), ha=side, va="center", **font)
        axes.set_ylim(len(drawn) - 0.5, -0.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("DPO - SFT, in margins (right: DPO is better)")
        write_title(figure, TITLE)
        write_footnote(figure, FOOTNOTE)


if __name__ == "__main__":
    main()
