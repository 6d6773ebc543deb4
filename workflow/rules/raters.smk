localrules:
    write_blinding_key,
    write_sheet,
    grade_by_raters,
    grade_arm_by_raters,
    summarize_ratings,
    compute_corrected,


rule write_blinding_key:
    input:
        unpack(sheet_answers),
        unpack(adjudication_inputs),
        test=at("split", split="test"),
    output:
        at("key"),
    log:
        at.log("write_blinding_key", "{task}", "{model}", "{sheet}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("write_blinding_key"),
            files=file_digests(adjudication_ratings),
            kind=lambda wildcards: SHEETS[wildcards.sheet],
            rubric=task_setting("rubric"),
            variants=shown_variants,
            raters=lambda wildcards: sheet_raters(study.tasks[wildcards.task], wildcards.sheet),
            folder=rating_folder,
            sample=task_setting("rater_sample"),
            seed=study.config["seed"],
        ),
    script:
        "../scripts/write_blinding_key.py"


rule write_sheet:
    input:
        unpack(sheet_answers),
        key=at("key"),
        raters_key=lambda wildcards: adjudication_inputs(wildcards).get("key", []),
        ratings=adjudication_ratings,
        test=at("split", split="test"),
        page=sheet_page,
    output:
        [at("sheet", suffix=suffix) for suffix in SHEET_FORMATS],
    log:
        at.log("write_sheet", "{task}", "{model}", "{sheet}.{rater}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("write_sheet"),
            files=file_digests(lambda wildcards: [*sheet_page, *adjudication_ratings(wildcards)]),
            kind=lambda wildcards: SHEETS[wildcards.sheet],
            variants=shown_variants,
            instructions=task_setting("description", ""),
            anchors=task_setting("anchors", list(ANCHORS)),
            rubric=task_setting("rubric"),
            folder=rating_folder,
            seed=study.config["seed"],
        ),
    script:
        "../scripts/write_sheet.py"


rule grade_by_raters:
    input:
        test=at("split", split="test"),
        key=lambda wildcards: at("key", wildcards, sheet=task_sheet(wildcards)),
        ratings=lambda wildcards: rating_files(rating_folder(wildcards), task_sheet(wildcards)),
        adjudication_key=lambda wildcards: (
            at("key", wildcards, sheet="adjudication")
            if "adjudication" in rated_sheets(study.tasks[wildcards.task])
            else []
        ),
        adjudications=lambda wildcards: rating_files(rating_folder(wildcards), "adjudication"),
    output:
        **{variant: at("grades", variant=variant) for variant in VARIANTS},
    log:
        at.log("grade_by_raters", "{task}", "{model}"),
    wildcard_constraints:
        task=tasks_where(graded_by_raters),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("grade_by_raters"),
            files=file_digests(
                lambda wildcards: rating_files(rating_folder(wildcards), task_sheet(wildcards), "adjudication")
            ),
            folder=rating_folder,
            sample=task_setting("rater_sample"),
            seed=study.config["seed"],
        ),
    script:
        "../scripts/grade_by_raters.py"


use rule grade_by_raters as grade_arm_by_raters with:
    output:
        at("grades"),
    log:
        at.log("grade_arm_by_raters", "{task}", "{model}", "{variant}"),
    wildcard_constraints:
        task=tasks_where(graded_by_raters),
        variant="|".join(ARMS),


rule summarize_ratings:
    input:
        sheet_keys=task_files(study_files.keys),
        ratings=task_ratings,
        verdicts=lambda wildcards: judge_verdicts(wildcards, *VERDICT_KINDS.values(), "preference"),
        groups=grouped_test,
    output:
        agreement=at("table", table="agreement"),
        pending_ratings=at("table", table="pending_ratings"),
    log:
        at.log("summarize_ratings", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("summarize_ratings"),
            files=file_digests(task_ratings),
            task=task_names,
            folder=task_ratings_folder,
        ),
    script:
        "../scripts/summarize_ratings.py"


rule compute_corrected:
    input:
        sheet_keys=lambda wildcards: study_files.keys(study, wildcards.task, task_sheet(wildcards)),
        adjudication_keys=task_files(study_files.keys, "adjudication"),
        ratings=graded_ratings,
        verdicts=lambda wildcards: judge_verdicts(wildcards, task_sheet(wildcards)),
        test=at("split", split="test"),
    output:
        at("table", table="corrected"),
    log:
        at.log("compute_corrected", "{task}"),
    wildcard_constraints:
        task=tasks_where(is_corrected),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("compute_corrected"),
            files=file_digests(graded_ratings),
            task=task_facts,
            alpha=family_alpha,
            arm_alpha=arm_family_alpha,
            variants=lambda wildcards: study.variants(wildcards.task),
            folder=task_ratings_folder,
            sample=task_setting("rater_sample"),
            seed=study.config["seed"],
        ),
    script:
        "../scripts/compute_corrected.py"
