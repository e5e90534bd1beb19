"""The embedded cloud: moto, stand-ins for Pulumi's provider plugins, and hosts that really boot.

For demonstrations and tests; nothing of it is in the package.
"""

from lab import guard

guard.install()
