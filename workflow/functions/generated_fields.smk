from clinical_dpo.config.generated_fields import field_columns, field_file, field_writers, prompt_fields


def text_fields(wildcards):
    """Generated fields of a job's task. A job that writes such a field gets only the fields that its prompt uses."""
    texts = study.generated_fields(wildcards.task)
    return prompt_fields(texts, wildcards.field) if wildcards.get("field") else list(texts)


def text_files(wildcards):
    """Files of the fields in `text_fields`, in the same order."""
    return [field_file(study.tasks[wildcards.task], field, at) for field in text_fields(wildcards)]


def text_settings(wildcards):
    """The settings that a job's generated field depends on, besides its model or endpoint."""
    task = study.tasks[wildcards.task]
    settings = pick(task["generated_fields"][wildcards.field], "prompt", "max_new_tokens")
    return settings | {"columns": field_columns(task, wildcards.field), "asks_about": text_fields(wildcards)}


def endpoint_settings(name):
    """The settings on which an endpoint's replies depend. Pace, key and price of the endpoint change no reply."""
    return pick(study.config["endpoints"][name], "base_url", "model", "seed", "parameters")


def text_origins(wildcards):
    """Generated field -> its writer, prompt and token limit, for the manifest of the task's rows."""
    return {
        field: pick(text, "prompt", "max_new_tokens", "model")
        | ({"endpoint": endpoint_settings(text["endpoint"])} if "endpoint" in text else {})
        for field, text in study.generated_fields(wildcards.task).items()
    }


def writers(kind):
    """Wildcard constraint that matches the models or endpoints (`kind`) that write generated fields."""
    return "|".join(name for task in study.tasks.values() for name in field_writers(task, kind)) or "(?!)"


text_names = "|".join(field for task in study.tasks.values() for field in task.get("generated_fields", ())) or "(?!)"
