"""Drafts of a manuscript's methods and results. Every number comes from a table, a setting or a record of the run."""

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.report.package.blocks import Block, Heading, Paragraph, Table
from clinical_dpo.report.package.run_facts import RunFacts
from clinical_dpo.report.package.statements import data, grades, models, results

DRAFT = (
    "DRAFT. The run wrote this text from its tables, settings and records. It claims nothing beyond the sentences of "
    "tables/decisions.csv. The authors have to check, complete and interpret it."
)


def methods(facts: RunFacts) -> list[Block]:
    """The draft of a manuscript's methods section."""
    blocks: list[Block] = [Heading(1, "Methods"), Paragraph(DRAFT)]
    blocks += _section("Design", models.objective(facts))
    blocks += _section("Tasks", models.tasks(facts))
    blocks += _section("Data", [*data.sources(facts), *data.flow(facts), *data.generated_fields(facts)])
    blocks += _section("Models", models.base_models(facts))
    blocks += _section("Training", [*models.alignment(facts), *models.search(facts), *models.seeds(facts)])
    blocks.append(Table(models.TRAINING_HEADER, models.training_rows(facts)))
    blocks += _section("Answers", models.inference(facts))
    for title, text in models.prompts(facts):
        blocks += [Paragraph(f"{title}:"), Paragraph(text, verbatim=True)]
    blocks += _section("Grades", [*grades.graders(facts), *grades.raters(facts), *grades.judges(facts)])
    blocks += _section("Outcomes and statistics", [*grades.metrics(facts), *grades.tests(facts)])
    blocks += _section("Smallest difference that matters", grades.margins(facts))
    blocks += _section("Code and computers", [*models.libraries(facts), *models.devices(facts)])
    return blocks


def results_draft(facts: RunFacts) -> list[Block]:
    """The draft of a manuscript's results section, task by task, with the agreement of raters at the end."""
    blocks: list[Block] = [Heading(1, "Results"), Paragraph(DRAFT)]
    for task, settings in facts.study.tasks.items():
        lines = [*results.marks(facts, task), *results.estimates(facts, task), *results.comparisons(facts, task)]
        blocks += _section(settings["title"], [*lines, *results.over_seeds(facts, task)])
        if decided := results.decisions(facts, task):
            blocks += [Paragraph(f"Decision ({METRICS[settings['metric']].title}):"), *map(Paragraph, decided)]
    if agreed := grades.agreement(facts):
        blocks += _section("Agreement of raters", agreed)
    return blocks


def _section(title: str, lines: list[str]) -> list[Block]:
    """Make a heading, and a paragraph for each line. Without lines, return an empty list."""
    return [Heading(2, title), *map(Paragraph, lines)] if lines else []
