"""Put the results of a finished example into its README.md: `python -m examples.results visits`.

The script copies the figure and takes a picture of the top of the report page with Chromium. It writes the summary,
which the run printed at its end, into the example's README.md. If the run waits for ratings, the script only writes
what the summary says about these ratings.
"""

import argparse
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from clinical_dpo.line_length import folded
from clinical_dpo.report.summary import AWAITED
from clinical_dpo.terminal.next_steps import next_steps
from clinical_dpo.yaml_files import read_yaml

FOLDER = Path(__file__).parent
FIGURE, PAGE, SUMMARY = "figures/figure2a.png", "summary.html", "summary.txt"  # of reports/{run_name}
COLUMNS = 200  # of the terminal whose lines the page shows
WIDTH, HEIGHT = 1100, 900  # pixels of the page's picture


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the summary of one example, and its figure2.png and page.png unless the run waits for ratings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("example", choices=sorted(path.parent.name for path in FOLDER.glob("*/config.yaml")))
    parser.add_argument("--reports", type=Path, default=Path("reports"), help="the folder of the reports of all runs")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder of the examples' pages")
    options = parser.parse_args(arguments)
    run, out = read_yaml(FOLDER / options.example / "config.yaml")["run_name"], options.out / options.example
    reports = options.reports / run
    missing = [str(reports / name) for name in (FIGURE, PAGE, SUMMARY) if not (reports / name).is_file()]
    if missing:
        sys.exit(f"{', '.join(missing)}: missing. Run the commands of {out / 'README.md'}.")
    readme, summary = out / "README.md", (reports / SUMMARY).read_text(encoding="utf-8")
    page = readme.read_text(encoding="utf-8")
    following = next_steps(summary, str(Path("reports") / run / PAGE), [f"examples/{options.example}/config.yaml"])
    printed = f"{folded(summary, COLUMNS)}\n{following}"
    if AWAITED in printed:
        page = with_printed(page, "awaited", printed[printed.index(AWAITED) :])
    else:
        shutil.copyfile(reports / FIGURE, out / "figure2.png")
        take_picture(reports / PAGE, out / "page.png")
        page = with_printed(page, "summary", printed)
    readme.write_text(page, encoding="utf-8")


def with_printed(page: str, mark: str, printed: str) -> str:
    """Replace the lines of the block of code after `<!-- {mark} -->`, and return the new text of the page.

    Args:
        page: text of the page.
        mark: text of the comment before the block.
        printed: the new lines.

    Raises:
        ValueError: the page does not have exactly one such block.
    """
    lines = "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").splitlines())
    block = rf"(<!-- {mark} -->\n```text\n).*?(```\n)"
    text, number = re.subn(block, lambda match: f"{match[1]}{lines}{match[2]}", page, flags=re.DOTALL)
    if number != 1:
        raise ValueError(f"the page has {number} blocks of text after the mark '{mark}'. Leave exactly one.")
    return text


def take_picture(page: Path, out: Path) -> None:
    """Save a picture of the top of an HTML file.

    Args:
        page: the HTML file.
        out: the file to write.
    """
    from playwright.sync_api import sync_playwright

    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        # Chromium's own sandbox cannot start in most containers; the page is a local file without network.
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        shown.goto(page.resolve().as_uri())
        shown.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    main()
