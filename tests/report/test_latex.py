"""LaTeX tables: text is escaped, P values are as printed, rules are those of booktabs."""

import re
import shutil
import subprocess

import pytest

from clinical_dpo.report.latex import LONGEST, TABLES, escape, latex_table
from clinical_dpo.statistics.agreement import COLUMNS as AGREEMENT
from clinical_dpo.statistics.comparisons import COLUMNS as STATS
from clinical_dpo.statistics.metrics import COLUMNS as METRICS

HOSTILE = r"5% & $x_1$ #2 {a} ~b ^c \input{/etc/passwd}"
ROWS = [
    {"task": HOSTILE, "n": "200", "effect": "-0.0203", "p_value": "0.0000004", "tiny": 4.2e-17, "status": "complete"},
    {"task": "uti", "n": "1200", "effect": "", "p_value": "0.995", "tiny": None, "status": "pending"},
]
COLUMNS = {"task": "Task", "n": "n", "effect": "Difference", "p_value": "P", "tiny": "Exact_P", "status": "Status"}


def table(rows=ROWS, columns=COLUMNS):
    return latex_table(rows, columns, caption="50% of all", label="tab:stats")


def test_text_is_escaped_as_pandas_escapes_it():
    pandas = pytest.importorskip("pandas")
    styled = pandas.DataFrame({"a": [HOSTILE]}).style.hide(axis="index").format(escape="latex")
    reference = styled.to_latex(hrules=True).splitlines()[-3].removesuffix(r" \\")
    plain = re.sub(r"(\\text\w+)( |\{\})", r"\1 ", escape(HOSTILE))  # `\name ` and `\name{}` end a command alike
    assert plain == re.sub(r"(\\text\w+)( |\{\})?", r"\1 ", reference)


def test_a_table_has_booktabs_rules_and_formatted_numbers():
    lines = table().splitlines()
    assert lines[:3] == [r"\begin{table}", r"\centering", r"\caption{50\% of all}\label{tab:stats}"]
    assert lines[3].startswith(r"\footnotesize") and lines[4].startswith(r"\resizebox")
    assert lines[5:7] == [r"\begin{tabular}{lrrrrl}", r"\toprule"]
    assert lines[7:9] == [r"Task & n & Difference & P & Exact\_P & Status \\", r"\midrule"]
    assert lines[9].endswith(r" & 200 & $-$0.020 & \textless{}.001 & $4.2 \times 10^{-17}$ & complete \\")
    assert lines[10] == r"uti & 1200 & -- & \textgreater{}.99 & -- & pending \\"
    assert lines[11:] == [r"\bottomrule", r"\end{tabular}}", r"\end{table}"]


def test_p_stands_on_its_side_of_the_threshold_beside_it():
    rows = [{"p_value": "0.016", "threshold": "0.016666666666666666"}, {"p_value": "0.016", "threshold": ""}]
    text = latex_table(rows, ["p_value"], caption="", label="t")
    assert ".016 \\\\\n.02 \\\\" in text


def test_a_long_table_is_broken_over_pages_and_an_empty_one_has_a_head():
    long = table(ROWS * LONGEST)
    assert r"\begin{longtable}" in long and long.count(r"\toprule") == 2 and "tabular" not in long
    assert long.count("uti &") == LONGEST
    assert r"Task & n & Difference & P & Exact\_P & Status \\" in table([])


def test_text_that_all_rows_share_moves_to_the_caption():
    rows = [row | {"data": "synthetic_1"} for row in ROWS]
    shared = table(rows, COLUMNS | {"data": "Data"})
    assert r"\caption{50\% of all Data: synthetic\_1.}" in shared and shared.count("synthetic") == 1
    assert "Status" in table(ROWS[:1]).partition("tabular")[2]  # a single row shares nothing


def test_both_ends_of_an_interval_are_one_column():
    rows = [{"low": "-0.05", "high": "0.1"}, {"low": "", "high": ""}]
    typeset = latex_table(rows, {("low", "high"): "95% CI"}, caption="", label="t")
    assert r"\begin{tabular}{r}" in typeset and "$-$0.050 to 0.100 \\\\\n-- \\\\\n" in typeset


def test_columns_without_headings_are_their_own_headings():
    assert r"task & n \\" in table(ROWS, ["task", "n"])


def test_the_tables_of_a_paper_use_columns_that_exist():
    for name, existing in (("metrics", METRICS), ("stats", STATS)):
        used = {part for column in TABLES[name][1] for part in ([column] if isinstance(column, str) else column)}
        assert {"grader", "proxy", "data", "status"} <= used <= set(existing)


def test_the_agreement_of_raters_is_a_table_of_a_paper():
    row = dict.fromkeys(AGREEMENT, "") | {
        "task": "uti",
        "model": "llama",
        "sheet": "likert",
        "raters": "anna judge:gpt",
    }
    row |= {"data": "real", "status": "complete"}
    icc = row | {"metric": "icc_2_1", "estimate": "0.29", "ci_low": "0.019", "ci_high": "0.761", "n": "6"}
    alpha = row | {"metric": "krippendorff_alpha", "estimate": "-0.1", "n": "7"}
    assert set(TABLES["agreement"][1]) - {("ci_low", "ci_high")} < set(AGREEMENT)
    typeset = latex_table([icc, alpha], TABLES["agreement"][1], caption="", label="t")
    assert r"icc\_2\_1 & 0.290 & 0.019 to 0.761" in typeset and r"krippendorff\_alpha & $-$0.100 & --" in typeset
    assert "Raters: anna judge:gpt." in typeset


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_pdflatex_typesets_the_tables(tmp_path):
    body = table() + table([row | {"task": f"task {number}"} for number, row in enumerate(ROWS * LONGEST)])
    packages = r"\usepackage[T1]{fontenc}\usepackage{booktabs,graphicx,longtable,pdflscape}"
    (tmp_path / "a.tex").write_text(rf"\documentclass{{article}}{packages}\begin{{document}}{body}\end{{document}}")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "too wide" not in done.stdout
