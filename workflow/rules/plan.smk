localrules:
    plan,
    free,


# This rule has no inputs, so that it starts no other job. It has no outputs, so that it always runs, before and after a
# study.
rule plan:
    log:
        at.log("plan"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            root=str(STUDY_ROOT),
        ),
    script:
        "../scripts/plan.py"


# Like `plan`, this rule has no inputs and no outputs, so that it starts no other job and always runs.
rule free:
    log:
        at.log("free"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            root=str(STUDY_ROOT),
        ),
    script:
        "../scripts/free.py"
