"""``python -m colllm_bench.suite``: an algorithm against committed references, from one command.

Each command is a module with ``main(argv) -> exit code``, imported when it is called. Every room
may be imported here; no room may import this one.
"""
