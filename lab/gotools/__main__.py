"""The step of set-up."""

import sys

from lab import gotools

try:
    for tool in sys.argv[1:] or gotools.TOOLS:
        gotools.ensure(tool)
except gotools.Missing as error:
    sys.exit(f"setup: {error}")
