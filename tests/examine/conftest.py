"""Lets the tests of this folder share the made-up worlds beside them: importlib mode puts no test folder on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
