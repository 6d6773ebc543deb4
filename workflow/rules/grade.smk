localrules:
    grade_answers,


rule grade_answers:
    input:
        test=at("split", split="test"),
        answers=at("answers"),
        threshold=threshold_file,
    output:
        at("grades"),
    log:
        at.log("grade_answers", "{task}", "{model}", "{variant}"),
    wildcard_constraints:
        task=tasks_where(lambda task: task["grader"] != "physicians" and not graded_by_judge(task)),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("grade_answers", task_grader),
            task=task_settings("grader", "labels", "label_synonyms"),
        ),
    script:
        "../scripts/grade_answers.py"
