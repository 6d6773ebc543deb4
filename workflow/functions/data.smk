def source_file(wildcards):
    """The file a task is read from, where it is one."""
    source = study.source(wildcards.task)
    return os.path.expandvars(source["path"]) if source["kind"] == "file" else []


def generated_rows(wildcards):
    """How many records a task's generator makes; none for a source that has its own, whatever the splits."""
    return sum(study.tasks[wildcards.task]["splits"].values()) if study.is_synthetic(wildcards.task) else 0
