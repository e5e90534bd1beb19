"""Reads what an EC2 instance's user-data makes of Docker: what a daemon then exposes, and private keys. Pure.

`judge` is all that the policy pack and the audit call. Inside, in the order in which user-data passes through:

formats/      what it is wrapped in, and the files, scripts and packages in it
following.py  takes these steps on a machine, and judges what is started
shell/        scripts: their grammar, words and conditions, and the worlds that branches make
programs/     what single programs do: registry.py is the table
machine/      the machine: its worlds, units, what runs later; Windows
listeners/    what serves Docker's API: dockerd, relays, containers, servers
own.py        this package's own hosts
keys.py       private keys, and those of Swarms
judgement.py  the result
"""

from .judgement import BootJudgement, BootListener, Unread, judge

__all__ = ["BootJudgement", "BootListener", "Unread", "judge"]
