localrules:
    package,


# `all` does not include this rule, because only a journal or an ethics board needs the package. Its inputs are files of
# a finished run.
rule package:
    input:
        page=at("page"),
        summary=at("summary"),
        tables=[report_table(name) for name in table_names],
        typeset=[report_table(name, "tex") for name in typeset_names],
        figures=figure_files,
        data_cards=[at("data_card", task=task) for task in study.tasks if task not in private_tasks(study.tasks)],
        manifests=[at("manifest", task=task) for task in study.tasks],
        bases=[at("base", model=model) for model in compared_models],
        records=compute_records,
        judges=judge_records,
        cost=at("figure", figure="cost", suffix="csv"),
        code=package_code,
    output:
        readme=at("package"),
        archive=at("package_zip"),
    log:
        at.log("package"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("package"),
            files=file_digests([*package_code, *study_config_files]),
            config=study.config,
            root=str(STUDY_ROOT),
            version=lambda wildcards: code_version(ROOT),
        ),
    script:
        "../scripts/package.py"
