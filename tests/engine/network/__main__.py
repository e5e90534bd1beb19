"""The other stack that the example stack-reference refers to: whatever it is configured with."""

import pulumi

config = pulumi.Config()
for name in ("vpc_id", "subnet_id"):
    pulumi.export(name, config.require(name))
pulumi.export("runner_cidrs", config.require_object("runner_cidrs"))
