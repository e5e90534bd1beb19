"""Stand-ins for Pulumi's aws and tls provider plugins, for machines that cannot download the real ones.

They speak the engine's protocol, so that the real engine runs on them: the same previews, plans, replacements,
refreshes and state. They are strict: what the real provider or AWS would refuse, they refuse.
"""
