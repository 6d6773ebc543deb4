from clinical_dpo.model_files import folder_files, model_folder


def model_folder_files(wildcards):
    """Files of a base model in a folder of the user. No rule makes them."""
    folder = model_folder(study.models[wildcards.model]["path"], f"config/models/{wildcards.model}.yaml")
    return [str(folder / name) for name in folder_files(folder)]
