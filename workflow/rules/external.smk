import re

from clinical_dpo.config.external import missing_external
from clinical_dpo.data.sources.files import OPTIONS as FILE_OPTIONS

left_out_externals = {
    (task, name): why
    for task, settings in study.tasks.items()
    for name, entry in settings.get("external", {}).items()
    if (why := missing_external(entry, study.is_missing(task)))
}
externals = {  # task -> what answered its test items elsewhere
    task: [name for name in settings.get("external", {}) if (task, name) not in left_out_externals]
    for task, settings in study.tasks.items()
}
ungraded_externals = [  # (task, name) of those that a judge is to grade
    (task, name)
    for task, names in externals.items()
    for name in names
    if study.tasks[task]["grader"] == "judge" and "judge" in study.tasks[task]
    if "grade" not in study.tasks[task]["external"][name]["columns"]
]
for (task, name), why in left_out_externals.items():
    print(f"left out: answers of {name} for {task} ({why})", file=sys.stderr)
model_titles |= {name: study.tasks[task]["external"][name]["title"] for task in externals for name in externals[task]}


localrules:
    import_answers,
    judge_external,
    grade_external,


wildcard_constraints:
    external="|".join({re.escape(name) for names in externals.values() for name in names}) or "(?!)",


rule import_answers:
    input:
        table=external_table,
        test=f"{results}/{{task}}/data/test.jsonl",
    output:
        answers=f"{results}/{{task}}/{{external}}/predictions/external.jsonl",
        record=f"{results}/{{task}}/{{external}}/predictions/external.json",
    log:
        f"{logs}/import_answers/{{task}}/{{external}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("import_answers"),
            files=contents(external_table),
            table=lambda wildcards: pick(
                study.tasks[wildcards.task]["external"][wildcards.external], "path", "columns", *FILE_OPTIONS
            ),
            metric=lambda wildcards: study.tasks[wildcards.task]["metric"],
        ),
    script:
        "../scripts/import_answers.py"


rule judge_external:
    input:
        external=f"{results}/{{task}}/{{external}}/predictions/external.jsonl",
        test=f"{results}/{{task}}/data/test.jsonl",
    output:
        verdicts=f"{results}/{{task}}/{{external}}/judge/{{judged}}.csv",
        record=f"{results}/{{task}}/{{external}}/judge/{{judged}}.json",
    log:
        f"{logs}/judge_external/{{task}}/{{external}}/{{judged}}.log",
    wildcard_constraints:
        judged="likert|correctness",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("ask_judge"),
            judge=judge_settings,
            round=judge_round,
            variants=["external"],
            private=lambda wildcards: study.tasks[wildcards.task].get("phi", False),
            seed=study.config["seed"],
        ),
    script:
        "../scripts/ask_judge.py"


rule grade_external:
    input:
        answers=f"{results}/{{task}}/{{external}}/predictions/external.jsonl",
        test=f"{results}/{{task}}/data/test.jsonl",
        verdicts=lambda wildcards: (
            f"{results}/{wildcards.task}/{wildcards.external}/judge/"
            f"{GRADED[study.tasks[wildcards.task]['metric']]}.csv"
            if (wildcards.task, wildcards.external) in ungraded_externals
            else []
        ),
    output:
        f"{results}/{{task}}/{{external}}/grades/external.csv",
    log:
        f"{logs}/grade_external/{{task}}/{{external}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("grade_external", task_grader),
            given=lambda wildcards: "grade" in study.tasks[wildcards.task]["external"][wildcards.external]["columns"],
            task=task_settings("grader", "labels", "label_synonyms"),
        ),
    script:
        "../scripts/grade_external.py"
