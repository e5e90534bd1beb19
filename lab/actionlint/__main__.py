"""The step of set-up."""

import sys

from lab import actionlint

try:
    actionlint.ensure()
except actionlint.Missing as error:
    sys.exit(f"setup: {error}")
