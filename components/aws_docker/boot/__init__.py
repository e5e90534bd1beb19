"""Reads what an EC2 instance's user-data makes of Docker: what a daemon then exposes, and private keys. Pure.

`judge` is all that the policy pack and the audit call. Inside, in the order in which user-data passes through:

documents.py, cloudconfig.py    formats (encodings.py, yamltree.py), into steps.py
following.py                    takes the steps on a machine (machine.py), judges what is started
shell.py, expansion.py          scripts (syntax.py reads them)
programs.py                     what commands do (starters.py, texttools.py, filetools.py, edits.py, python.py)
windows.py                      PowerShell and batch
services.py                     systemd's units (systemd.py)
forwarders.py                   what opens Docker's socket otherwise: socat, proxies, containers, Compose
own.py                          this package's own hosts
keys.py                         private keys
judgement.py                    the result
"""

from .judgement import BootJudgement, BootListener, judge

__all__ = ["BootJudgement", "BootListener", "judge"]
