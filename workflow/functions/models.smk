from clinical_dpo.model_files import folder_files, model_folder

CHAT = ("chat_template", "chat_template_kwargs")  # keys of a model file that make its chat template


def model_folder_files(wildcards):
    """Files of a base model in a folder of the user. No rule makes them."""
    folder = model_folder(study.models[wildcards.model]["path"], f"config/models/{wildcards.model}.yaml")
    return [str(folder / name) for name in folder_files(folder)]
