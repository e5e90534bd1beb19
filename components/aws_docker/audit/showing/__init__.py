"""How each command's results are shown, as JSON and as tables: a module for each, with `details` and `tables`.

Decides how things are shown, and nothing else. Here, in report.py and in the CLI is all that knows rich.
"""
