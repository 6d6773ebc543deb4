from clinical_dpo.config.generated_fields import asks_about, text_columns, text_file, text_writers


def text_fields(wildcards):
    """Fields of a task's records that another model writes, or those that a text's own prompt asks about."""
    texts = study.texts(wildcards.task)
    return asks_about(texts, wildcards.field) if wildcards.get("field") else list(texts)


def text_files(wildcards):
    """The files of those fields, in the same order."""
    return [text_file(study.tasks[wildcards.task], field, at) for field in text_fields(wildcards)]


def text_settings(wildcards):
    """What a text depends on beside its model or endpoint."""
    task = study.tasks[wildcards.task]
    settings = pick(task["generated_fields"][wildcards.field], "prompt", "max_new_tokens")
    return settings | {"columns": text_columns(task, wildcards.field), "asks_about": text_fields(wildcards)}


def endpoint_settings(name):
    """What an endpoint's replies depend on; neither its pace nor its key nor its price."""
    return pick(study.config["endpoints"][name], "base_url", "model", "seed", "parameters")


def text_origins(wildcards):
    """What every text of a task was written by and asked, for the record of what is made of them."""
    return {
        field: pick(text, "prompt", "max_new_tokens", "model")
        | ({"endpoint": endpoint_settings(text["endpoint"])} if "endpoint" in text else {})
        for field, text in study.texts(wildcards.task).items()
    }


def writers(kind):
    """A wildcard constraint for the models or endpoints that write texts."""
    return "|".join(name for task in study.tasks.values() for name in text_writers(task, kind)) or "(?!)"


text_names = "|".join(field for task in study.tasks.values() for field in task.get("generated_fields", ())) or "(?!)"
