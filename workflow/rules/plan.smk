localrules:
    plan,


# It has no inputs, so it starts no other job, and no outputs, so it always runs: before a study and after it.
rule plan:
    log:
        at.log("plan"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            root=str(ROOT),
        ),
    script:
        "../scripts/plan.py"
