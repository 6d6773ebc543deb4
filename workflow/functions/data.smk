def source_file(wildcards):
    """The file that a task is read from; an empty list for a task from the hub or a generator."""
    source = study.source(wildcards.task)
    return os.path.expandvars(source["path"]) if source["kind"] == "file" else []


def generated_rows(wildcards):
    """Number of records that a task's generator makes; 0 for a file or a hub data set, for any sizes of the splits."""
    return sum(study.tasks[wildcards.task]["splits"].values()) if study.is_synthetic(wildcards.task) else 0
