"""The component: arguments -> plan (pure, frozen, every refusal) -> a list of resources; and the host's own program.

arguments.py     what a caller may ask: the contract
plan.py          what a host is: every default and refusal; reading.py reads one argument, systems.py has a row for
                 each operating system, keys.py the keys there can be, advice.py what is said as a warning
access.py        what is decided once late values are known: who is served, where; placement.py: in which subnet
component.py     what exists, of one host; fleet.py: of several; both made by lookups, security_group, certificates and
                 machine. waiting.py holds outputs back until readiness.py had an answer; plugin.py serves them
userdata.py      what a host is told; daemon_json.py and container_networks.py: of Docker; role.py: what it may do
agent.py         what the host does with it
"""
