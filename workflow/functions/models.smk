from clinical_dpo.model_files import folder_files, model_folder

CHAT = ("chat_template", "chat_template_kwargs")  # keys of a model file on which the chat template depends


def model_folder_files(wildcards):
    """The files of a base model in a user's folder. No rule makes these files."""
    folder = model_folder(study.models[wildcards.model]["path"], f"config/models/{wildcards.model}.yaml")
    return [str(folder / name) for name in folder_files(folder)]
