"""README.md is short, its study is valid, its pictures come from the demo, and no link of a document is broken."""

import re
import shutil

import pytest

from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.io import write_csv
from clinical_dpo.statistics.decisions import COLUMNS
from clinical_dpo.yaml_files import read_yaml
from docs.pictures import main
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED
from tests.helpers.decision_rows import decision_row
from tests.helpers.svg import words

README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_WORDS = 900
FOLDERS = (".", "docs", "config", "ratings", "benchmarks", "examples/*")
PAGES = sorted(page for folder in FOLDERS for page in ROOT.glob(f"{folder}/*.md"))


def links(text):
    """Targets of the links and pictures outside of code."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'<img src="([^"]+)"', prose)


def anchors(path):
    """The anchors that GitHub gives to the headings of a page."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def local_links(page):
    """(target as written, file, anchor or "") of the links of a page to files of the repository."""
    for target in links(page.read_text(encoding="utf-8")):
        if not target.startswith(("https://", "http://")):
            name, _, anchor = target.partition("#")
            yield target, (page.parent / name).resolve() if name else page, anchor


def test_the_readme_is_short():
    """Prose, tables and code, without the targets of links and without pictures."""
    assert len(re.sub(r"\]\([^)]*\)|<img [^>]*>", "]", README).split()) <= MOST_WORDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page):
    broken = [
        target
        for target, path, anchor in local_links(page)
        if not path.exists() or (anchor and anchor not in anchors(path))
    ]
    assert broken == []


def test_the_readme_leads_to_every_page():
    reached, queue = set(), [ROOT / "README.md"]
    while queue:
        if (page := queue.pop()) not in reached:
            reached.add(page)
            queue += [path for _, path, _ in local_links(page) if path.suffix == ".md"]
    for folder in ("docs", "examples"):
        pages = {page for page in PAGES if page.is_relative_to(ROOT / folder)}
        assert pages and pages <= reached


def test_the_study_of_the_readme_is_valid(tmp_path, monkeypatch):
    files = dict(re.findall(r"```yaml\n# (config/\S+)\n(.*?)```", README, re.DOTALL))
    assert files.keys() == {"config/tasks/my_task.yaml", "config/mine.yaml"}
    shutil.copytree(ROOT / "config", tmp_path / "config")
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/mine.csv").write_text("message,label\nIt is worse today.,urgent\n", encoding="utf-8")
    study = load_study(merge(PUBLISHED, read_yaml(tmp_path / "config/mine.yaml")), tmp_path)
    assert list(study.tasks) == ["my_task"]
    assert study.task_models("my_task") == ["llama3-8b-instruct"]


@pytest.fixture
def reports(tmp_path):
    """The report folder of a finished demo with two tasks."""
    sentence = {"uti": "SFT is enough: DPO is not better.", "reasoning": "DPO is worth it: DPO is better."}
    rows = [
        decision_row(task=task, decision=decision, sentence=sentence[task], effect=0.1, ci_low=0.05, ci_high=0.15)
        for task, decision in (("uti", "equivalent"), ("reasoning", "better"))
    ]
    rows.append(decision_row(task="meqsum", comparison="sft_vs_base", decision="better"))
    for folder in ("figures", "tables"):
        (tmp_path / "demo" / folder).mkdir(parents=True)
    write_csv(tmp_path / "demo/tables/decisions.csv", rows, COLUMNS)
    (tmp_path / "demo/figures/figure2b.png").write_bytes(b"a panel")
    return tmp_path / "demo"


def test_the_pictures_come_from_a_finished_demo(reports, tmp_path):
    out = tmp_path / "pictures"
    main(["--reports", str(reports), "--out", str(out), "--format", "svg"])
    assert (out / "figure2.png").read_bytes() == b"a panel"
    drawn = words(out / "decisions.svg")
    assert [text for text in drawn if text in ("uti, llama", "reasoning, llama", "meqsum, llama")] == [
        "uti, llama",
        "reasoning, llama",
    ]
    assert [text for text in drawn if text in ("SFT is enough", "DPO is worth it")] == [
        "SFT is enough",
        "DPO is worth it",
    ]
    assert any("Demo numbers" in text for text in drawn)


def test_the_pictures_need_a_finished_demo(tmp_path):
    with pytest.raises(SystemExit, match=r"figure2b\.png, .*decisions\.csv: missing\. Run `make demo`"):
        main(["--reports", str(tmp_path), "--out", str(tmp_path / "pictures")])
