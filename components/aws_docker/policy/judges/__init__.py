"""Judges what resources say: from facts, findings. What is made of a finding is for `rule`."""
