"""Cards of hub data sets."""

import json


def card(*configs):
    """Text of a card with some configurations."""
    return f"---\nlicense: mit\nconfigs: {json.dumps(configs)}\n---\n# A data set\n"


def config(data_files, **more):
    """A configuration with data files; `more` are further keys."""
    return {"config_name": "one", "data_files": data_files} | more
