"""The page: what it says first, what it concludes, and that it loads and runs nothing."""

import re

import pytest

from clinical_dpo.papers.published import load_published
from clinical_dpo.report.page.page import Drawing, inline_svg, report_page
from clinical_dpo.report.page.tables import contradiction_rows, verdict
from clinical_dpo.statistics import comparisons as significance
from tests.conftest import ROOT
from tests.helpers.figure2 import draw, seed_rows, tables
from tests.helpers.report_page import MODELS, TASKS, Page, costs


def page(last="complete", data="real", **options):
    metric_rows, stats_rows = tables(last, data)
    given = {"metrics": metric_rows, "stats": significance.with_holm(stats_rows), "cost": costs()}
    return Page(report_page(**given, tasks=TASKS, models=MODELS, **options))


def test_what_the_numbers_are_not_stands_first():
    told = page("pending", "synthetic", watermark="demo").text
    where = [told.index(word) for word in ("demo", "Synthetic data", "Grades awaited", "What was compared")]
    assert where == sorted(where)
    assert "Proxy grades" not in told
    clean = page()
    assert not any("caveats" in attributes.get("class", "") for _, attributes in clean.elements)
    assert "Synthetic" not in clean.text and "What is pending" not in clean.text


def test_text_from_outside_is_text():
    """A title, a watermark and a name that would be elements, or turn the direction of writing."""
    evil = '</title><img src=x onerror="alert(1)">\u202etxet\x1b[2J'
    metric_rows, stats_rows = tables()
    drawing = Drawing(evil, evil, '<svg viewBox="0 0 1 1"></svg>')
    html = report_page(
        metrics=metric_rows,
        stats=stats_rows,
        cost=costs(),
        tasks={"uti": {"title": evil, "description": evil, "metric": "f1"}},
        models=MODELS | {"llama": evil},
        drawings=[drawing],
        watermark=evil,
        left_out={evil: evil},
        pending_ratings=[{"task": "uti", "model": "llama", "sheet": evil, "rater": evil, "pending": "1"}],
        mixed_versions=[evil],
    )
    told = Page(html)
    assert "img" not in {tag for tag, _ in told.elements} and "alert(1)" in told.text
    assert "\u202e" not in html and "\x1b" not in html and "\\u202etxet" in told.text


def test_proxies_are_named_where_grades_are_explained():
    metric_rows, stats_rows = tables()
    rows = [row | {"proxy": "true", "grader": "rouge_likert"} for row in metric_rows]
    told = Page(report_page(metrics=rows, stats=stats_rows, cost=[], tasks=TASKS, models=MODELS)).text
    assert "Proxy grades" in told and "PROXY: overlap of words" in told and "What it cost" not in told


def test_what_won_how_sure_and_at_what_cost():
    told = page().text
    assert "SFT against Base, 2 comparisons: better in 1, worse in 0, no difference shown in 1." in told
    assert "DPO against SFT, 2 comparisons: better in 0, worse in 0, no difference shown in 2." in told
    assert "SFT better than Base" in told and "no difference shown between DPO and SFT" in told
    stats = {(row["model"], row["comparison"]): row for row in tables()[1]}
    clear, open_ = stats["llama", "sft_vs_base"], stats["mistral", "sft_vs_base"]
    assert f"{100 * clear['effect']:+.1f} points" in told
    assert f"{100 * open_['smallest_detectable']:.1f} points" in told
    assert "20 (20) 160 (50) 8.0 (2.5) 40 s 2.0 h" in told and "NVIDIA A100" in told


@pytest.mark.parametrize(
    ("effect", "significant", "status", "kind"),
    [
        (0.2, "true", "complete", "better"),
        ("-0.2", "true", "complete", "worse"),
        (0.2, "false", "complete", "open"),
        (None, None, "complete", "untested"),
        ("", "", "pending", "pending"),
    ],
)
def test_a_verdict_follows_the_test(effect, significant, status, kind):
    row = {"comparison": "dpo_vs_sft", "effect": effect, "significant": significant, "status": status}
    assert verdict(row)[0] == kind


@pytest.mark.parametrize(
    ("significant", "p_f1", "effect", "f1", "kind", "words"),
    [
        ("true", "0.2", "-0.175", "0.05", "mixed", "DPO against SFT: F1 higher, share of right answers lower"),
        ("false", "0.001", "0.01", "-0.2", "mixed", "DPO against SFT: F1 lower, share of right answers higher"),
        ("false", "0.2", "0.01", "-0.02", "open", "DPO against SFT: F1 lower, share of right answers higher"),
        ("true", "0.001", "0.1", "0.2", "better", "DPO better than SFT in right answers"),
        ("true", "0.2", "-0.1", "-0.2", "worse", "DPO worse than SFT in right answers, no difference shown in F1"),
        ("false", "0.001", "0.1", "0.2", "open", "no difference shown between DPO and SFT in right answers, F1 higher"),
    ],
)
def test_a_verdict_names_right_answers_and_f1(significant, p_f1, effect, f1, kind, words):
    row = {"comparison": "dpo_vs_sft", "status": "complete", "significant": significant, "threshold": "0.01"}
    row |= {"effect_measure": "accuracy_difference", "effect": effect, "p_f1_permutation": p_f1}
    assert verdict(row | {"secondary_measure": "f1_difference", "secondary_effect": f1}) == (kind, words)


def test_both_tests_of_a_task_with_labels_stand_in_the_table_and_each_names_what_it_compares():
    metric_rows, stats_rows = tables()
    [row] = [row for row in stats_rows if (row["model"], row["comparison"]) == ("llama", "dpo_vs_sft")]
    row |= {"effect": -0.175, "effect_ci_low": -0.25, "effect_ci_high": -0.0003, "p_value": 0.0096}
    row |= {"significant": "true", "secondary_effect": 0.05, "secondary_ci_low": -0.0004, "secondary_ci_high": 0.1}
    row |= {"p_f1_permutation": 0.0512}
    given = {"metrics": metric_rows, "stats": significance.with_holm(stats_rows), "cost": costs()}
    told = Page(report_page(**given, tasks=TASKS, models=MODELS)).text
    assert "F1 and right answers point different ways in 1" in told
    # Limits keep the digits that show their side of zero, P those that show its side of the threshold.
    assert "−17.50 points (−25.00 to −0.03) .0096* right answers (McNemar)" in told
    assert "+0.0500 (−0.0004 to +0.1000) .05 F1 (permutation) –" in told
    assert "Holm’s P is corrected over all tasks" in told


def test_a_task_trained_once_says_what_is_not_known():
    assert "Trained once: Infection <or> not. How much another training run would change" in page().text
    assert "Trained once" not in page(seeds=seed_rows()).text


def test_who_still_owes_and_what_was_left_out():
    pending_ratings = [
        {"task": "uti", "model": "llama", "sheet": "correctness", "rater": "Dr <A>", "pending": number}
        for number in "70"
    ]
    told = page("pending", pending_ratings=pending_ratings, left_out={"triage": "data/triage.csv is not there"}).text
    assert "Mistral2, DPO: 100 answers to be graded" in told
    assert told.count("Dr <A> owes") == 1 and "owes 7 ratings" in told
    assert "Left out: triage (data/triage.csv is not there)" in told


def test_published_numbers_and_contradictions():
    row = {"study": "savage2025", "task": "uti", "model": "llama3-8b-instruct", "variant": "sft", "metric": "f1"}
    row |= {"published": "0.98"}
    row |= {"reproduced": "0.9512", "ci_low": "0.91", "ci_high": "0.984", "agrees": "yes", "note": ""}
    other = row | {"agrees": "not comparable (not in this run)", "reproduced": "", "ci_low": "", "ci_high": ""}
    studies = load_published(ROOT / "config/published.yaml")
    told = page(published=[row, other], contradictions=contradiction_rows(studies)).text
    assert "0.98 0.95 0.91 to 0.98 yes" in told
    assert "1 printed number cannot be compared" in told
    assert "size of the uti set" in told and "700 (Table 1); 800 (Methods, Simple Classification)" in told


def test_the_page_loads_and_runs_nothing(tmp_path):
    svg = draw(tmp_path, tables())[0].read_text()
    found = page(drawings=[Drawing("Figure 2a", "A & b.", svg), Drawing('Two "b"', "", svg)])
    assert "Infection <or> not" in found.text  # as text, not as an element
    names = [name for name, _ in found.elements]
    assert names.count("svg") == 2 and not {"script", "img", "link", "iframe", "or"} & set(names)
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) > 20
    for _, attributes in found.elements:
        for name, value in attributes.items():
            if name.endswith("href"):
                assert value.startswith("#") and value[1:] in ids
            for target in re.findall(r"url\(#([^)]+)\)", value or ""):
                assert target in ids
            assert name.startswith("xmlns") or "://" not in (value or "")
    policy = [attributes["content"] for _, attributes in found.elements if "http-equiv" in attributes]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]
    assert any(attributes.get("aria-label") == 'Two "b"' for _, attributes in found.elements)


def test_an_svg_loses_its_prolog_and_its_own_style():
    text = '<?xml version="1.0"?><!DOCTYPE svg><svg xmlns="x"><metadata>d</metadata><style>*{}</style><g id="a"/></svg>'
    assert inline_svg(text, "f1-", "T") == '<svg role="img" aria-label="T" xmlns="x"><g id="f1-a"/></svg>'


def test_training_seeds_have_a_section_of_their_own():
    rows = seed_rows()
    told = page(seeds=rows).text
    by_measure = {(row["model"], row["comparison"], row["measure"]): row for row in rows}
    share = by_measure["llama", "sft_vs_base", "accuracy_difference"]
    score = by_measure["llama", "sft_vs_base", "f1_difference"]
    assert "With other training seeds" in told
    assert f"right answers +{100 * share['effect']:.1f} points (+{100 * share['ci_low']:.1f} to" in told
    assert f"F1 score +{score['effect']:.2f} (+{score['ci_low']:.2f} to +{score['ci_high']:.2f})" in told
    each = [float(value) for value in score["per_seed"].split()]
    assert f"{', '.join(f'{value:+.2f}' for value in each)} seeds 42, 43, 44" in told
    assert "training seeds" not in page().text


def test_links_lead_to_the_sections_there_are():
    found = page(seeds=seed_rows())
    ids = [attributes["id"] for name, attributes in found.elements if name == "h2"]
    assert [attributes["href"] for name, attributes in found.elements if name == "a"] == [f"#{name}" for name in ids]
    assert "seeds" in ids and "published" not in ids


def test_the_same_rows_give_the_same_page():
    given = {"metrics": tables()[0], "stats": tables()[1], "cost": costs(), "tasks": TASKS, "models": MODELS}
    assert report_page(**given) == report_page(**given)
