"""What a suite is: tasks, budgets, seeds and the search for settings, each version a TOML file.

``spec`` reads the files, ``search`` draws settings, ``tuned`` keeps the settings that were chosen.
May import the core, cli and runs. No torch. The commands are :mod:`colllm_bench.suite`.
"""

from colllm_bench.suites.spec import Suite, Task, load_suite

__all__ = ["Suite", "Task", "load_suite"]
