"""Reads resources into facts: which values mean what, in every spelling. What the facts mean is for the judges."""
