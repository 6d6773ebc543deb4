localrules:
    grade_answers,


rule grade_answers:
    input:
        test=f"{results}/{{task}}/data/test.jsonl",
        answers=f"{results}/{{task}}/{{model}}/predictions/{{variant}}.jsonl",
    output:
        f"{results}/{{task}}/{{model}}/grades/{{variant}}.csv",
    log:
        f"{logs}/grade_answers/{{task}}/{{model}}/{{variant}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("grade_answers"),
        task=task_settings("grader", "labels", "label_synonyms"),
    script:
        "../scripts/grade_answers.py"
