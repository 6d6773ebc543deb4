"""`make gpu-check`: its sections pass on a CPU, a section that fails is a row, and the exit status then is not 0."""

import re
import subprocess
import sys

import pytest

from benchmarks import gpu_check
from benchmarks.gpu_check import SECTIONS, Section, check, table_path
from tests.conftest import ROOT

WAYS = ("passes", "breaks", "stops", "dies", "hangs", "measures_nothing")


def section(way, seconds=60.0):
    return Section(way, f"It {way}", f"tests.helpers.gpu_sections:{way}", seconds, ("what", "number"))


@pytest.fixture
def at_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_a_section_that_fails_leaves_its_rows_and_the_other_sections(at_root):
    sections = [section(way, 10.0 if way == "hangs" else 60.0) for way in WAYS]
    device, page, failures = check(sections, "cpu")
    assert device == "cpu (test)" and failures == 5 and "5 failed." in page
    for number in ("1.5", "2.5", "3.5", "4.5"):
        assert f"| {number} |" in page
    for name, problem in (
        ("first", r"FAILED: ValueError: a wrong \| number"),
        ("section", "FAILED: RuntimeError: a broken section"),
        ("dies", "FAILED: its process ended with status 9"),
        ("hangs", "FAILED: took longer than 10 s"),
        ("measures_nothing", "FAILED: it measured nothing"),
    ):
        assert f"| {name} | {problem} |" in page
    child = re.search(r"^\| child \| (\d+) \|$", page, re.MULTILINE)[1]
    state = subprocess.run(["ps", "-o", "stat=", "-p", child], capture_output=True, text=True).stdout
    assert state.strip() == "" or state.startswith("Z")  # ended, with its parent


def test_a_section_is_not_started_when_the_time_is_over(at_root):
    _, page, failures = check([section("passes")], "cpu", limit=0.0)
    assert failures == 1 and "FAILED: not started: 600 s were over" in page and "1.5" not in page


@pytest.mark.parametrize("way", ["passes", "stops"])
def test_the_exit_status_says_whether_all_passed(way, at_root, monkeypatch, capsys):
    monkeypatch.setattr(gpu_check, "SECTIONS", (section(way),))
    monkeypatch.setattr(sys, "argv", ["gpu_check", "--device", "cpu"])
    before = set((ROOT / "benchmarks").iterdir())
    if way == "passes":
        gpu_check.main()
    else:
        with pytest.raises(SystemExit, match=r"gpu-check: 1 failed\."):
            gpu_check.main()
    assert f"## It {way}" in capsys.readouterr().out
    assert set((ROOT / "benchmarks").iterdir()) == before


def test_a_computer_without_a_card_is_refused(monkeypatch):
    monkeypatch.setattr(gpu_check, "visible_gpus", list)
    monkeypatch.setattr(sys, "argv", ["gpu_check"])
    with pytest.raises(SystemExit, match="has no GPU"):
        gpu_check.main()


def test_a_table_has_the_name_of_its_card():
    assert table_path("NVIDIA H100 80GB HBM3").name == "gpu_h100.md"
    assert table_path("NVIDIA GeForce RTX 5090").name == "gpu_nvidia_geforce_rtx_5090.md"


def test_a_run_ends_in_ten_minutes():
    assert gpu_check.LIMIT == 600 and all(section.seconds <= gpu_check.LIMIT for section in SECTIONS)


@pytest.mark.slow
def test_every_section_passes_on_a_cpu():
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--device", "cpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    page = done.stdout[done.stdout.index("# Check of a GPU: cpu") :]
    assert f"All {len(SECTIONS)} sections passed." in page and "FAILED" not in page
    for section, text in zip(SECTIONS, re.split(r"^## ", page, flags=re.MULTILINE)[1:], strict=True):
        assert text.startswith(section.title)
    rows = {line.split(" | ")[0].removeprefix("| ") for line in page.splitlines() if line.startswith("| ")}
    for precision in ("float32", "NF4, float32"):
        for stage in ("SFT", "DPO"):
            assert {f"{precision}, {stage}, flat", f"{precision}, {stage}, flex"} <= rows
    assert {"stock DPO, precomputed", "our DPO", "our SFT", "attempt 2", "killed and resumed"} <= rows


@pytest.mark.slow
def test_a_wrong_layout_fails_its_section(tmp_path, monkeypatch):
    """Rejected answers have wrong positions."""
    from benchmarks.gpu_layouts import GRADIENT, LOSS, layouts
    from benchmarks.gpu_section import Report
    from clinical_dpo.io import read_jsonl
    from clinical_dpo.training import dpo
    from clinical_dpo.training.flat import collator
    from clinical_dpo.training.flat.layout import flat_layout
    from tests.helpers.architectures import CLOSE, CLOSE_WEIGHTS

    assert CLOSE["rtol"] == CLOSE["atol"] == LOSS and CLOSE_WEIGHTS["rtol"] == GRADIENT

    def continued(*batch):
        layout = flat_layout(*batch)
        positions = layout["position_ids"].clone()
        for begin, end, shared_begin, shared_end in layout["segments"]:
            if shared_end > shared_begin:
                positions[:, begin:end] += 5
        return layout | {"position_ids": positions}

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(collator, "flat_layout", continued)
    monkeypatch.setattr(dpo, "_check_start", lambda *arguments: None)
    layouts(Report(tmp_path / "rows.jsonl", on_card=False))
    failed = [line["failed"] for line in read_jsonl(tmp_path / "rows.jsonl") if "failed" in line]
    assert {name for name, _ in failed} == {
        f"{precision}, DPO, {layout}" for precision in ("float32", "NF4, float32") for layout in ("flat", "flex")
    }
    assert all("differ from those of padded rows" in problem for _, problem in failed)
