"""The published study's config and the demo's, as their files have them."""

import yaml

from clinical_dpo.config.study import merge
from tests.conftest import ROOT

PUBLISHED = yaml.safe_load((ROOT / "config/config.yaml").read_text())
DEMO = merge(PUBLISHED, yaml.safe_load((ROOT / "config/demo.yaml").read_text()))
