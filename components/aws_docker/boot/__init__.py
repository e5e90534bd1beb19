"""Reads what an EC2 instance's user-data makes of Docker: what a daemon then exposes, and private keys. Pure.

`judge` is all that the policy pack and the audit call. Inside: documents.py (formats) and encodings.py, yamltree.py; then
machine.py (files and programs), shell.py with syntax.py, programs.py, edits.py, python.py and windows.py (what scripts do);
systemd.py and forwarders.py (what listens); keys.py; and judgement.py, which puts it together with daemon.py.
"""

from .judgement import BootJudgement, Finding, judge

__all__ = ["BootJudgement", "Finding", "judge"]
