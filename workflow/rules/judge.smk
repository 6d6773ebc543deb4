localrules:
    ask_judge,
    ask_judge_controls,
    compute_judge_bias,
    judge_external,
    grade_by_judge,
    grade_arm_by_judge,


rule ask_judge:
    input:
        unpack(sheet_answers),
        test=at("split", split="test"),
    output:
        verdicts=at("verdicts"),
        record=at("verdicts_record"),
    log:
        at.log("ask_judge", "{task}", "{model}", "{judged}"),
    wildcard_constraints:
        task=tasks_where(lambda task: "judge" in task),
    conda:
        "../../envs/analysis.yaml"
    resources:
        private=private_text,
    params:
        settings=rule_settings(
            code=code("ask_judge"),
            anchors=task_setting("anchors"),
            rubric=task_setting("rubric"),
            judge=judge_settings,
            refusals=task_setting("judge_refusals", "pending"),
            round=judge_round,
            variants=shown_variants,
            seed=study.config["seed"],
        ),
    script:
        "../scripts/ask_judge.py"


use rule ask_judge as judge_external with:
    input:
        external=at("answers", model="{external}", variant=EXTERNAL),
        test=at("split", split="test"),
    output:
        verdicts=at("verdicts", model="{external}"),
        record=at("verdicts_record", model="{external}"),
    log:
        at.log("judge_external", "{task}", "{external}", "{judged}"),
    wildcard_constraints:
        judged="|".join(VERDICT_KINDS.values()),
    params:
        settings=rule_settings(
            code=code("ask_judge"),
            anchors=task_setting("anchors"),
            rubric=task_setting("rubric"),
            judge=judge_settings,
            refusals=task_setting("judge_refusals", "pending"),
            round=judge_round,
            variants=[EXTERNAL],
            seed=study.config["seed"],
        ),


rule ask_judge_controls:
    input:
        unpack(sheet_answers),
        verdicts=at("verdicts"),  # a judge that fails on the items is not asked for controls
        test=at("split", split="test"),
    output:
        controls=at("judge_controls"),
        record=at("judge_controls_record"),
    log:
        at.log("ask_judge_controls", "{task}", "{model}", "{judged}"),
    wildcard_constraints:
        task=tasks_where(lambda task: "judge" in task),
    conda:
        "../../envs/analysis.yaml"
    resources:
        private=private_text,
    params:
        settings=rule_settings(
            code=code("ask_judge_controls"),
            anchors=task_setting("anchors"),
            rubric=task_setting("rubric"),
            judge=judge_settings,
            round=controls_round,
            variants=shown_variants,
            seed=study.config["seed"],
        ),
    script:
        "../scripts/ask_judge_controls.py"


rule compute_judge_bias:
    input:
        verdicts=lambda wildcards: judge_files(wildcards, "verdicts"),
        records=lambda wildcards: judge_files(wildcards, "verdicts_record"),
        controls=lambda wildcards: judge_files(wildcards, "judge_controls"),
        answers=task_files(study_files.variant_files, "answers"),
        test=at("split", split="test"),
    output:
        at("table", table="judge_bias"),
    log:
        at.log("compute_judge_bias", "{task}"),
    wildcard_constraints:
        task=tasks_where(lambda task: "judge" in task),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("compute_judge_bias"),
            task=task_names,
            contestants=contestants,
            variants=lambda wildcards: {
                kind: sheet_variants(kind, study.variants(wildcards.task)) for kind in judge_sheets(wildcards.task)
            },
            seed=study.config["seed"],
        ),
    script:
        "../scripts/compute_judge_bias.py"


rule grade_by_judge:
    input:
        test=at("split", split="test"),
        verdicts=lambda wildcards: at(
            "verdicts", wildcards, judged=VERDICT_KINDS[study.tasks[wildcards.task]["metric"]]
        ),
    output:
        **{variant: at("grades", variant=variant) for variant in VARIANTS},
    log:
        at.log("grade_by_judge", "{task}", "{model}"),
    wildcard_constraints:
        task=tasks_where(graded_by_judge),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("grade_by_judge"),
        ),
    script:
        "../scripts/grade_by_judge.py"


use rule grade_by_judge as grade_arm_by_judge with:
    output:
        at("grades"),
    log:
        at.log("grade_arm_by_judge", "{task}", "{model}", "{variant}"),
    wildcard_constraints:
        task=tasks_where(graded_by_judge),
        variant="|".join(ARMS),
