"""Results of a finished run on an example's page."""

import subprocess
import sys

import pytest
from PIL import Image

from examples.results import HEIGHT, WIDTH, main, with_printed
from tests.conftest import ROOT

MARKED = "Before\n<!-- summary -->\n```text\nold\n```\nafter\n<!-- awaited -->\n```text\nother\n```\n"


def test_the_lines_after_a_mark_are_replaced():
    assert with_printed(MARKED, "summary", "\nnew \\1  \n\n") == MARKED.replace("old", "new \\1")
    assert with_printed(MARKED, "awaited", "anna") == MARKED.replace("other", "anna")
    with pytest.raises(ValueError, match="0 blocks"):
        with_printed("no mark", "summary", "new")


@pytest.fixture
def reports(tmp_path):
    """The report of a finished run of the example `visits`, and a page that has no results yet."""
    for name, content in (
        ("figures/figure2a.png", "a panel"),
        ("summary.html", "<h1>page"),
        ("summary.txt", "F1 .5\n"),
    ):
        path = tmp_path / "reports/visits" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (tmp_path / "out/visits").mkdir(parents=True)
    (tmp_path / "out/visits/README.md").write_text(MARKED, encoding="utf-8")
    return tmp_path / "reports"


def test_the_page_gets_figure_picture_and_summary(browser, reports, tmp_path):
    """A process of its own, because Playwright runs once in a process."""
    options = ["--reports", str(reports), "--out", str(tmp_path / "out")]
    subprocess.run([sys.executable, "-m", "examples.results", "visits", *options], cwd=ROOT, check=True)
    out = tmp_path / "out/visits"
    assert (out / "figure2.png").read_bytes() == b"a panel"
    assert Image.open(out / "page.png").size == (WIDTH, HEIGHT)
    page = (out / "README.md").read_text(encoding="utf-8")
    before, after = MARKED.split("old\n")
    assert page.startswith(f"{before}F1 .5\n\nNext:\n  open reports/visits/summary.html in a browser\n")
    assert "--configfile examples/visits/config.yaml" in page and page.endswith(after)


def test_a_run_that_waits_for_ratings_changes_the_lines_about_them_alone(reports, tmp_path):
    (reports / "visits/summary.txt").write_text("F1 .5\n\nStill awaited:\n  anna: 40 of 40 items\n", encoding="utf-8")
    main(["visits", "--reports", str(reports), "--out", str(tmp_path / "out")])
    page = (tmp_path / "out/visits/README.md").read_text(encoding="utf-8")
    before, after = MARKED.split("other\n")
    assert page.startswith(f"{before}Still awaited:\n  anna: 40 of 40 items\n\nNext:\n") and page.endswith(after)
    assert not (tmp_path / "out/visits/figure2.png").exists()


def test_the_results_need_a_finished_run(tmp_path):
    with pytest.raises(SystemExit, match=r"figure2a\.png, .*summary\.txt: missing\. Run the commands of .*README\.md"):
        main(["visits", "--reports", str(tmp_path)])
