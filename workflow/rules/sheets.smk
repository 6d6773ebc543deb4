from clinical_dpo.config.raters import rated_sheets

from functools import cache

# Sheet -> what a rater says there. The third goes to one person, for what the raters of the first differ on.
SHEETS = {"correctness": "correctness", "preference": "preference", "adjudication": "correctness"}
COMPARED = ("dpo", "sft")  # the two variants of a preference sheet


wildcard_constraints:
    sheet="|".join(SHEETS),
    rater="|".join(study.all_raters) or "(?!)",


def sheet_variants(wildcards):
    """Whose answers a sheet shows, or a judge sees: those of all to be graded, or of two to be compared."""
    shown = wildcards.get("sheet") or wildcards.judged
    return COMPARED if shown == "preference" else VARIANTS


def sheet_answers(wildcards):
    """Those answers, by variant."""
    folder = f"{results}/{wildcards.task}/{wildcards.model}/predictions"
    return {variant: f"{folder}/{variant}.jsonl" for variant in sheet_variants(wildcards)}


def key_file(wildcards, sheet):
    """The key of a sheet: which answer is whose."""
    return f"{results}/{wildcards.task}/{wildcards.model}/grading/{sheet}.key.csv"


def rating_folder(wildcards):
    """Where raters' files come back to."""
    return f"{ratings}/{wildcards.task}/{wildcards.model}"


def sent_back(folder, *sheets):
    """What raters have sent back so far; a new file is a new input."""
    return sorted(str(path) for sheet in sheets for path in Path(folder).glob(f"{sheet}.*"))


def disputes(wildcards):
    """What an adjudication sheet needs beside the answers: the raters' key and ratings."""
    if wildcards.sheet != "adjudication":
        return {}
    return {"key": key_file(wildcards, "correctness"), "ratings": sent_back(rating_folder(wildcards), "correctness")}


def disputed_ratings(wildcards):
    """The ratings that an adjudication sheet is made from."""
    return disputes(wildcards).get("ratings", [])


sheet_page = package_files("grading/raters/sheet_page")


def sheet_sources(wildcards):
    """What a sheet is made from that no rule makes."""
    return [*sheet_page, *disputed_ratings(wildcards)]


def raters_of(wildcards):
    """Who gets a sheet."""
    task = study.tasks[wildcards.task]
    return [task["adjudicator"]] if wildcards.sheet == "adjudication" else task["raters"]


def sheets_of(task):
    """The sheets of a task, each with its raters."""
    return rated_sheets(study.tasks[task])


def waited_for(task):
    """Those sheets without whose ratings a table is pending."""
    settings = study.tasks[task]
    sheets = ["correctness", "adjudication"] if settings["grader"] == "physicians" else []
    return sheets + (["preference"] if settings.get("preference_grader") == "raters" else [])


def sheet_files(task):
    """Every file of a task's sheets."""
    return [
        f"{results}/{task}/{model}/grading/{sheet}.{rater}.{suffix}"
        for model in study.task_models(task)
        for sheet, raters in sheets_of(task).items()
        for rater in raters
        for suffix in ("html", "csv", "xlsx", "json")
    ]


def task_keys(wildcards):
    """Keys of all sheets of a task."""
    return [
        f"{results}/{wildcards.task}/{model}/grading/{sheet}.key.csv"
        for model in study.task_models(wildcards.task)
        for sheet in sheets_of(wildcards.task)
    ]


def task_ratings(wildcards):
    """What raters of a task have sent back so far, for all of its models and sheets."""
    return [
        path
        for model in study.task_models(wildcards.task)
        for path in sent_back(f"{ratings}/{wildcards.task}/{model}", *sheets_of(wildcards.task))
    ]


def judged(task):
    """What a task's judge is asked for, by the names of its files."""
    return judged_sheets(study.tasks[task], sheets_of(task))


def judge_of(task):
    """The endpoint that judges a task."""
    return endpoint_named(study.tasks[task]["judge"], study.config["endpoints"], "judge")


def judge_settings(wildcards):
    """What a judge's verdicts depend on; neither its pace nor its key nor its price."""
    judge = judge_of(wildcards.task)
    return {"name": judge.name, "base_url": judge.base_url, "body": judge.body}


@cache  # a job's parameters are made once more when its record is gone
def round_of(task, answerer, kind):
    """The round in which a judge is asked about a model, or about answers from elsewhere."""
    return judging_round(f"{results}/{task}/{answerer}/judge/{kind}.json", judge_of(task))


def judge_round(wildcards):
    """The round of a job."""
    return round_of(wildcards.task, wildcards.get("model") or wildcards.external, wildcards.judged)


def judge_verdicts(*sheets):
    """The judge's verdicts on a task's models, as a function of wildcards; of those sheets that it is asked about."""
    return lambda wildcards: [
        f"{results}/{wildcards.task}/{model}/judge/{sheet}.csv"
        for model in study.task_models(wildcards.task)
        for sheet in sheets
        if sheet in judged(wildcards.task)
    ]


def judge_records():
    """What every judge of the run's models writes of itself."""
    return [
        f"{results}/{task}/{model}/judge/{sheet}.json"
        for task in study.tasks
        for sheet in judged(task)
        for model in study.task_models(task)
    ]


def unnamed_judges():
    """Tasks that want a judge and name none, in words."""
    return [
        f"{task}: no judge is named (key judge of config/tasks/{task}.yaml)"
        for task, settings in study.tasks.items()
        if settings["grader"] == "judge" and "judge" not in settings
    ]


def keep_private():
    """Close the folders of private text, and the logs that may quote it, to other users before any job writes there."""
    private = [task for task, settings in study.tasks.items() if settings.get("phi")]
    for folder in (*(Path(results, task) for task in private), *([Path(logs)] if private else [])):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    if private:
        Path(logs, PRIVATE).touch()
