localrules:
    plan,


# Without inputs it starts nothing, without outputs it is always made anew: before a run and afterwards.
rule plan:
    log:
        at.log("plan"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            root=str(ROOT),
        ),
    script:
        "../scripts/plan.py"
