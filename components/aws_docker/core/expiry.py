"""Decides from when on the end of a certificate is said, by `pulumi up`, the audit and whoever reads a host's word."""

from datetime import timedelta
from typing import Final

EXPIRES_SOON: Final = timedelta(days=60)
