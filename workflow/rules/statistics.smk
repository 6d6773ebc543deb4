localrules:
    compute_metrics,
    compute_label_tables,
    compute_reliability,
    compare_variants,
    compare_seeds,
    compute_rouge,
    compute_helpfulness,
    compute_win_rate,
    collect_reward_margin,


rule compute_metrics:
    input:
        grades=task_files(study_files.grades),
        answers=task_files(study_files.answers),
        groups=grouped_test,
    output:
        at("table", table="metrics"),
    log:
        at.log("compute_metrics", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("compute_metrics", task_metric),
            task=metric_facts,
        ),
    script:
        "../scripts/compute_metrics.py"


rule compute_label_tables:
    input:
        grades=task_files(study_files.grades),
        groups=grouped_test,
    output:
        confusion=at("table", table="confusion"),
        symmetry=at("table", table="symmetry"),
    log:
        at.log("compute_label_tables", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("compute_label_tables"),
            task=label_facts,
        ),
    script:
        "../scripts/compute_label_tables.py"


rule compute_reliability:
    input:
        grades=task_files(study_files.grades),
        groups=grouped_test,
        answers=task_files(study_files.answers),
    output:
        at("table", table="reliability"),
    log:
        at.log("compute_reliability", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("compute_reliability"),
            task=label_facts,
        ),
    script:
        "../scripts/compute_reliability.py"


rule compare_variants:
    input:
        grades=task_files(study_files.grades),
        groups=grouped_test,
    output:
        at("table", table="stats"),
    log:
        at.log("compare_variants", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("compare_variants", task_metric),
            task=task_facts,
            alpha=study.config["alpha"],
            family=lambda wildcards: study.family(wildcards.task),
            external_families=lambda wildcards: study.external_families(wildcards.task),
            arm_family=lambda wildcards: study.arm_family(wildcards.task),
        ),
    script:
        "../scripts/compare_variants.py"


rule compare_seeds:
    input:
        grades=task_files(study_files.seed_grades),
        groups=grouped_test,
    output:
        at("table", table="seeds"),
    log:
        at.log("compare_seeds", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("compare_seeds"),
            task=task_facts,
            seeds=lambda wildcards: study.seeds(wildcards.task),
        ),
    script:
        "../scripts/compare_seeds.py"


rule compute_rouge:
    input:
        answers=task_files(study_files.variant_files, "answers"),
        test=at("split", split="test"),
    output:
        at("table", table="rouge"),
    log:
        at.log("compute_rouge", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("compute_rouge"),
            task=task_names,
            stemmer=task_setting("rouge_stemmer"),
            seed=study.config["seed"],
        ),
    script:
        "../scripts/compute_rouge.py"


rule compute_helpfulness:
    input:
        metrics=at("table", table="metrics"),
        stats=at("table", table="stats"),
        grades=task_files(study_files.grades),
    output:
        at("table", table="helpfulness"),
    log:
        at.log("compute_helpfulness", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("compute_helpfulness"),
        ),
    script:
        "../scripts/compute_helpfulness.py"


rule compute_win_rate:
    input:
        sheet_keys=task_files(study_files.keys, "preference"),
        ratings=preference_ratings,
        answers=task_files(study_files.variant_files, "answers"),
        test=at("split", split="test"),
        verdicts=lambda wildcards: judge_verdicts(wildcards, "preference"),
    output:
        at("table", table="win_rate"),
    log:
        at.log("compute_win_rate", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("compute_win_rate"),
            files=file_digests(preference_ratings),
            task=task_names,
            grader=task_setting("preference_grader"),
            variants=PREFERENCE_VARIANTS,
            folder=task_ratings_folder,
            seed=study.config["seed"],
        ),
    script:
        "../scripts/compute_win_rate.py"


rule collect_reward_margin:
    input:
        runs=model_files("best_run", stage="dpo", best=BEST),
        logs=model_files("best_log", stage="dpo", best=BEST),
    output:
        at("table", table="reward_margin"),
    log:
        at.log("collect_reward_margin", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("collect_reward_margin"),
            task=task_names,
        ),
    script:
        "../scripts/collect_reward_margin.py"
