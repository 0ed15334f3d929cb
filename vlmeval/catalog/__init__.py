"""Find, read and check the YAML: benchmark cards, prompt sets, model cards, the register of contamination."""

from vlmeval.catalog.catalog import Catalog, load_catalog, written_for
from vlmeval.catalog.expand import expand_prompts
from vlmeval.catalog.register import Register
from vlmeval.catalog.yamlfile import YamlFile, read_yaml, validate

__all__ = ["Catalog", "Register", "YamlFile", "expand_prompts", "load_catalog", "read_yaml", "validate", "written_for"]
