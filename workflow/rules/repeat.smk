localrules:
    compare_seeds,
    collect_seeds,


rule repeat_sft:
    input:
        unpack(training_data),
        base=base_model(),
        chosen=f"{trained('sft', 'best')}/run.json",
    output:
        weights=weights("sft", "best_seed{seed}"),
        log=f"{trained('sft', 'best_seed{seed}')}/log.csv",
        run=f"{trained('sft', 'best_seed{seed}')}/run.json",
    log:
        f"{logs}/repeat_sft/{{task}}/{{model}}/seed{{seed}}.log",
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        **stage_speed("sft"),
        mem_mb=memory("sft"),
        runtime=training_runtime("sft"),
        gpu=gpus,
        gpu_model=gpu_model,
    params:
        settings=named(
            code=code("repeat_sft"),
            model=trained_model_settings,
        ),
    script:
        "../scripts/repeat_sft.py"


use rule score_reference as score_repeated_reference with:
    input:
        train=f"{results}/{{task}}/{{model}}/preferences/train.jsonl",
        eval=f"{results}/{{task}}/{{model}}/preferences/eval.jsonl",
        base=base_model(),
        sft=weights("sft", "best_seed{seed}"),
    output:
        train=f"{results}/{{task}}/{{model}}/preferences/train_seed{{seed}}.reference.parquet",
        eval=f"{results}/{{task}}/{{model}}/preferences/eval_seed{{seed}}.reference.parquet",
    log:
        f"{logs}/score_repeated_reference/{{task}}/{{model}}/seed{{seed}}.log",
    benchmark:
        timed("score_repeated_reference", "seed{seed}")


rule repeat_dpo:
    input:
        unpack(preference_data),
        base=base_model(),
        chosen=f"{trained('dpo', 'best')}/run.json",
    output:
        weights=weights("dpo", "best_seed{seed}"),
        log=f"{trained('dpo', 'best_seed{seed}')}/log.csv",
        run=f"{trained('dpo', 'best_seed{seed}')}/run.json",
    log:
        f"{logs}/repeat_dpo/{{task}}/{{model}}/seed{{seed}}.log",
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        **stage_speed("dpo"),
        mem_mb=memory("dpo"),
        runtime=training_runtime("dpo"),
        gpu=gpus,
        gpu_model=gpu_model,
    params:
        settings=named(
            code=code("repeat_dpo"),
            model=trained_model_settings,
        ),
    script:
        "../scripts/repeat_dpo.py"


rule compare_seeds:
    input:
        seed_grades,
    output:
        f"{results}/{{task}}/seeds.csv",
    log:
        f"{logs}/compare_seeds/{{task}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("compare_seeds"),
            task=task_facts,
            seeds=lambda wildcards: study.seeds(wildcards.task),
        ),
    script:
        "../scripts/compare_seeds.py"


rule collect_seeds:
    input:
        tables_named("seeds"),
    output:
        report(
            f"{reports}/tables/seeds.csv",
            caption="../report/seeds.rst",
            category="Tables",
            labels={"table": "training seeds"},
        ),
    log:
        f"{logs}/collect_seeds.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("collect_seeds"),
        ),
    script:
        "../scripts/collect_seeds.py"
