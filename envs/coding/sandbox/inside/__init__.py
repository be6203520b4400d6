"""The jail's own side: a process of its own, which runs these files with ``python -S``.

They know the standard library and :mod:`.values` only; the trainer never imports them to run
them, except :mod:`.seccomp` and :mod:`.landlock` in tests.
"""
