localrules:
    import_answers,
    grade_external,


rule import_answers:
    input:
        table=external_input,
        test=at("split", split="test"),
    output:
        answers=at("answers", model="{external}", variant=EXTERNAL),
        record=at("answers_record", model="{external}", variant=EXTERNAL),
    log:
        at.log("import_answers", "{task}", "{external}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("import_answers"),
            files=file_digests(external_table),
            table=lambda wildcards: pick(external_settings(wildcards), "path", "columns", *FILE_OPTIONS),
            metric=task_setting("metric"),
        ),
    script:
        "../scripts/import_answers.py"


rule grade_external:
    input:
        answers=at("answers", model="{external}", variant=EXTERNAL),
        test=at("split", split="test"),
        verdicts=external_verdicts,
    output:
        at("grades", model="{external}", variant=EXTERNAL),
    log:
        at.log("grade_external", "{task}", "{external}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("grade_external", task_grader),
            has_grades=has_grades,
            task=task_settings("grader", "labels", "label_synonyms"),
        ),
    script:
        "../scripts/grade_external.py"
