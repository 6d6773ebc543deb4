from clinical_dpo.config.raters import (
    ANCHORS,
    SHEET_FORMATS,
    SHEETS,
    awaited_sheets,
    graded_sheet,
    rated_sheets,
    sheet_raters,
    sheet_variants,
)
from clinical_dpo.grading.raters.rating_files import returned_files


wildcard_constraints:
    sheet="|".join(SHEETS),
    rater="|".join(study.all_raters) or "(?!)",


def shown_variants(wildcards):
    """The variants whose answers a job's sheet shows or a job's judge reads."""
    return sheet_variants(wildcards.get("sheet") or wildcards.judged, study.variants(wildcards.task))


def sheet_answers(wildcards):
    """Map each of `shown_variants` to the file of its answers."""
    return {variant: at("answers", wildcards, variant=variant) for variant in shown_variants(wildcards)}


def graded_by_raters(task):
    """Whether a task's grades come from its raters."""
    return task["grader"] == "physicians"


def rating_folder(wildcards):
    """The folder for the files that raters send back about a job's task and model."""
    return at("ratings", wildcards)


def rating_files(folder, *sheets):
    """The files that raters have sent back so far for the named sheets. A new file is a new input of a rule.

    Raises:
        WorkflowError: the folder contains something that is not a regular file.
    """
    try:
        return sorted(str(path) for sheet in sheets for path in returned_files(folder, sheet))
    except UserError as error:
        raise WorkflowError(str(error)) from None


def adjudication_inputs(wildcards):
    """Inputs for the blinding key of an adjudication sheet: key and ratings of the raters' sheets. Empty for others."""
    if wildcards.sheet != "adjudication":
        return {}
    key = at("key", wildcards, sheet="correctness")
    return {"key": key, "ratings": rating_files(rating_folder(wildcards), "correctness")}


def adjudication_ratings(wildcards):
    """The files of ratings among `adjudication_inputs`."""
    return adjudication_inputs(wildcards).get("ratings", [])


sheet_page = package_files("grading/raters/sheet_page")


def task_ratings(wildcards):
    """The files that raters have sent back so far for all models and sheets of a task."""
    return [
        path
        for folder in model_files("ratings")(wildcards)
        for path in rating_files(folder, *rated_sheets(study.tasks[wildcards.task]))
    ]


def task_sheet(wildcards):
    """Name of the sheet whose ratings are the grades of a job's task."""
    return graded_sheet(study.tasks[wildcards.task])


def graded_ratings(wildcards):
    """The files with grades that raters and the adjudicator have sent back so far for all models of a task."""
    return [
        path
        for folder in model_files("ratings")(wildcards)
        for path in rating_files(folder, task_sheet(wildcards), "adjudication")
    ]


def preference_ratings(wildcards):
    """The files with raters' preferences for the win rate. Empty if raters do not give the task's preferences."""
    if study.tasks[wildcards.task]["preference_grader"] != "raters":
        return []
    return [path for folder in model_files("ratings")(wildcards) for path in rating_files(folder, "preference")]


def task_ratings_folder(wildcards):
    """The folder for the ratings of all models of a task."""
    return at.folder("ratings", wildcards.task)
