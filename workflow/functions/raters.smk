from clinical_dpo.config.raters import SHEETS, awaited_sheets, rated_sheets, sheet_raters, sheet_variants
from clinical_dpo.grading.raters.rating_files import returned_files


wildcard_constraints:
    sheet="|".join(SHEETS),
    rater="|".join(study.all_raters) or "(?!)",


def shown_variants(wildcards):
    """Whose answers a job's sheet shows, or its judge sees."""
    return sheet_variants(wildcards.get("sheet") or wildcards.judged)


def sheet_answers(wildcards):
    """Those answers, by variant."""
    return {variant: at("answers", wildcards, variant=variant) for variant in shown_variants(wildcards)}


def rating_folder(wildcards):
    """Where raters' files come back to."""
    return at("ratings", wildcards)


def rating_files_of(folder, *sheets):
    """What raters have sent back so far; a new file is a new input."""
    try:
        return sorted(str(path) for sheet in sheets for path in returned_files(folder, sheet))
    except UserError as error:
        raise WorkflowError(str(error)) from None


def disputes(wildcards):
    """What the key of an adjudication sheet needs beside the answers: the raters' key and ratings."""
    if wildcards.sheet != "adjudication":
        return {}
    key = at("key", wildcards, sheet="correctness")
    return {"key": key, "ratings": rating_files_of(rating_folder(wildcards), "correctness")}


def disputed_ratings(wildcards):
    """The ratings that the key of an adjudication sheet is made from."""
    return disputes(wildcards).get("ratings", [])


sheet_page = package_files("grading/raters/sheet_page")


def task_ratings(wildcards):
    """What raters of a task have sent back so far, for all of its models and sheets."""
    return [
        path
        for folder in of_models("ratings")(wildcards)
        for path in rating_files_of(folder, *rated_sheets(study.tasks[wildcards.task]))
    ]


def preference_ratings(wildcards):
    """Those that a win rate counts: of preference sheets, where raters prefer."""
    if study.tasks[wildcards.task]["preference_grader"] != "raters":
        return []
    return [path for folder in of_models("ratings")(wildcards) for path in rating_files_of(folder, "preference")]


def task_ratings_folder(wildcards):
    """The folder that holds those of every model."""
    return at.folder("ratings", wildcards.task)
