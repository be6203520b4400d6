"""The process's pools of sandboxes: one an isolation level, made when first used.

Environments come in dozens and are pickled, copied and sent to other processes; sandboxes are
child processes. So no environment holds one. A process that was forked makes pools of its own
and leaves its parent's alone.
"""

from __future__ import annotations

import atexit
import os
import threading
from typing import Any

CHOICES = ("auto", "namespaces", "landlock", "seccomp", "unsafe")
"""What may be asked for to confine the code that agents write: a rung
(:data:`colllm_bench.envs.coding.sandbox.isolation.RUNGS`), or ``auto``, the strongest here."""

_POOLS: dict[tuple[int, str], Any] = {}
_LOCK = threading.Lock()


def shared_pool(rung: str = "auto") -> Any:
    """This process's :class:`colllm_bench.envs.coding.sandbox.Pool` with one worker.

    One worker, because an environment waits for each program's verdict; programs run one after
    another whoever asks.

    Raises:
        ConfigError: nothing here confines code, or not this level; says why and what helps.
    """
    key = (os.getpid(), rung)
    with _LOCK:
        if key not in _POOLS:
            from colllm_bench.envs.coding.sandbox import Pool

            _POOLS[key] = Pool(workers=1, rung=rung)
        return _POOLS[key]


def close_pools() -> None:
    """End this process's sandboxes; the next program makes new ones."""
    with _LOCK:
        for key in [key for key in _POOLS if key[0] == os.getpid()]:
            _POOLS.pop(key).close()


def _after_fork() -> None:
    """A child must neither use its parent's sandboxes nor end them."""
    global _LOCK
    _LOCK = threading.Lock()
    for key, pool in list(_POOLS.items()):
        _FOREIGN.append(pool)  # kept alive, so that no destructor of theirs runs here
        del _POOLS[key]


_FOREIGN: list[Any] = []
atexit.register(close_pools)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
