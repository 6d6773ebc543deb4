"""The end of a run names the page to read and commands that a shell takes as they are."""

from clinical_dpo.report.summary import AWAITED
from clinical_dpo.terminal.next_steps import next_steps


def test_a_run_with_all_grades_ends_with_its_page_and_the_commands_for_its_models_and_for_a_journal():
    text = next_steps("table\n", "reports/mine/summary.html", ["config/my study.yaml"], ["allow_generated=true"])
    assert text.splitlines()[:2] == ["Next:", "  open reports/mine/summary.html in a browser"]
    options = "--configfile 'config/my study.yaml' --config allow_generated=true"
    assert f"  snakemake --cores 1 release {options}  # each chosen model as a folder" in text
    assert f"  snakemake --cores 1 package {options}  # " in text


def test_without_options_the_commands_have_none():
    assert "  snakemake --cores 1 package  # " in next_steps("table\n", "summary.html", [])


def test_a_run_that_awaits_grades_ends_with_the_command_that_reads_them():
    text = next_steps(f"table\n\n{AWAITED}\n  anna: 3 of 9\n", "summary.html", ["a.yaml"])
    assert "  snakemake --cores 1 all --configfile a.yaml  # once the awaited grades are there" in text
    assert "release" not in text and "package" not in text
