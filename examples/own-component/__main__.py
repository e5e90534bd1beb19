"""A team's program: the company's own component (build_host.py) says all the rest."""

import pulumi
from build_host import BuildHost

config = pulumi.Config()

payments = BuildHost("payments", config.require_object("clients"), config.require("subnetId"))

pulumi.export("endpoint", payments.endpoint)
pulumi.export("ca_material", payments.ca_material)
pulumi.export("client_cert_materials", payments.client_cert_materials)
pulumi.export("client_key_materials", payments.client_key_materials)
