localrules:
    plan,


# Without inputs it starts nothing, without outputs it is always made anew: before a run and afterwards.
rule plan:
    log:
        f"{logs}/plan.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            root=str(ROOT),
            repeats={task: repeat_seeds(task) for task in study.tasks},
        ),
    script:
        "../scripts/plan.py"
