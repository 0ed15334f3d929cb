"""Find, read and check the YAML: benchmark cards, prompt sets, model cards; expand prompt sets into strings."""

from vlmeval.catalog.catalog import Catalog, load_catalog
from vlmeval.catalog.expand import expand_prompts
from vlmeval.catalog.yamlfile import YamlFile, read_yaml, validate

__all__ = ["Catalog", "YamlFile", "expand_prompts", "load_catalog", "read_yaml", "validate"]
