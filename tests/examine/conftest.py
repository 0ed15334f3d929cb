"""Let the tests of this folder share the made-up worlds beside them; importlib mode has no test folder on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
