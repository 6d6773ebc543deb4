"""Cards of hub data sets."""

import json


def card(*configs):
    return f"---\nlicense: mit\nconfigs: {json.dumps(configs)}\n---\n# A data set\n"


def config(data_files, **more):
    return {"config_name": "one", "data_files": data_files} | more
