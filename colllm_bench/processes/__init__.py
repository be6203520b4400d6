"""Several processes that train one team: each plays and differentiates its share of a batch.

``torchrun --nproc_per_node 2 -m colllm_bench.run ...`` starts them. Every process holds the whole
team, gets all episodes, and takes the same optimizer steps; what is shared out are rollouts,
forward and backward passes. The first one keeps the record. In a program that nobody started so
there is one process, and every function here gives back what it was given.

Plain ``torch.distributed`` and not a wrapped model: gradients of all policies and critics are
summed once an optimizer step, with the weights of the whole batch, so the split changes nothing but
rounding. A wrapper that averages in every backward pass would weigh processes alike, whatever they
played, and cannot see passes that are taken on parts of a model. Gloo on every device: what is
exchanged is text and adapters.

May import the core. torch, where there are several processes.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from colllm_bench.errors import ConfigError, RunError

T = TypeVar("T")
PATIENCE = datetime.timedelta(days=7)
"""How long a process waits for another: a lost one is noticed at once, a slow one is none."""
DRIFT = 1e-4
"""Relative difference of two processes' parameters that is no rounding."""


class _Here:
    """This process among those of the run."""

    rank, size = 0, 1
    handed_out = False


def size() -> int:
    """How many processes train together."""
    return _Here.size


def on_this_machine() -> int:
    """How many of them share this machine's memory."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", _Here.size)) if _Here.size > 1 else 1


def rank() -> int:
    """Which of them this one is, from 0."""
    return _Here.rank


def is_first() -> bool:
    """Whether this is the process that keeps the record and talks to the user."""
    return _Here.rank == 0


def join() -> None:
    """Meet the processes that ``torchrun`` started beside this one; nothing without it.

    On CUDA each takes a GPU of its machine, in turn where there are fewer.

    Raises:
        ConfigError: fewer processes came than were announced.
    """
    announced = int(os.environ.get("WORLD_SIZE", "1"))
    if announced < 2 or "RANK" not in os.environ or _Here.size > 1:
        return
    import torch

    # Loaded later (optimizers and transformers do), it would hold the group beyond `leave`: gloo's
    # threads would still run when the interpreter ends, which now and then aborts the process.
    import torch._dynamo
    from torch import distributed

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    distributed.init_process_group("gloo", timeout=PATIENCE)
    _Here.rank, _Here.size = distributed.get_rank(), distributed.get_world_size()
    met = gather([_Here.rank])
    if met != list(range(announced)):
        raise ConfigError(
            f"{announced} processes were announced (WORLD_SIZE), and {met} are here",
            fix="torchrun --nproc_per_node N -m colllm_bench.run ...",
        )


def leave() -> None:
    """Part from the others."""
    if _Here.size > 1:
        from torch import distributed

        distributed.destroy_process_group()
    _Here.rank, _Here.size, _Here.handed_out = 0, 1, False


# -- the first process leads


@contextlib.contextmanager
def leading() -> Iterator[None]:
    """Around the first process's work: whatever comes of it, the others are not left waiting for
    a job (they get None)."""
    try:
        yield
    finally:
        if not _Here.handed_out:
            with contextlib.suppress(RuntimeError):  # they may be gone
                hand_out(None)


def hand_out(job: Any) -> Any:
    """Tell every process what to do; called by the first with a job and by the others with None.
    Returns the first's."""
    _Here.handed_out = True
    return from_first(job)


def from_first(value: T) -> T:
    """The value that the first process has, in all."""
    if _Here.size == 1:
        return value
    from torch import distributed

    box = [value if is_first() else None]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


# -- shares of a batch


def own(items: Sequence[T]) -> Sequence[T]:
    """This process's share: a run of neighbours, as many as the others' within one. Some are
    empty where there are fewer items than processes."""
    if _Here.size == 1:
        return items
    first, last = (len(items) * k // _Here.size for k in (_Here.rank, _Here.rank + 1))
    return items[first:last]


def gather(items: Sequence[T]) -> list[T]:
    """All processes' items, one share after the other: the inverse of :func:`own`.

    Raises:
        RunError: an item cannot be sent.
    """
    if _Here.size == 1:
        return list(items)
    from torch import distributed

    try:
        packed = pickle.dumps(list(items))
    except Exception as error:  # a stranger's environment may put anything into its infos
        raise RunError(
            f"what an episode holds cannot be sent to another process ({error}); allowed: plain "
            "data in infos; fix: run in one process, without torchrun"
        ) from error
    shares: list[Any] = [None] * _Here.size
    distributed.all_gather_object(shares, packed)
    return [
        item for k, share in enumerate(shares)
        for item in (items if k == _Here.rank else pickle.loads(share))
    ]


def fill_in(
    items: Sequence[Any], read: Callable[[Any], T], write: Callable[[Any, T], None]
) -> None:
    """Bring what each process wrote into its own share of ``items`` into everybody's.

    Args:
        items: the same in all processes.
        read: what was written into an item of the own share.
        write: puts it into an item of another's.
    """
    if _Here.size > 1:
        found = gather([read(item) for item in own(items)])
        for item, value in zip(items, found, strict=True):
            write(item, value)


# -- sums over shares


def total(tensor: Any) -> Any:
    """The sum of the processes' tensors, of equal shapes."""
    if _Here.size == 1:
        return tensor
    from torch import distributed

    added = tensor.detach().cpu().clone()
    distributed.all_reduce(added)
    return added.to(tensor.device)


def total_numbers(numbers: Mapping[str, float]) -> dict[str, float]:
    """By name, the sum of the processes' numbers; a process without a share may lack names."""
    sums: dict[str, float] = {}
    for name, value in gather(list(numbers.items())):
        sums[name] = sums.get(name, 0.0) + value
    return sums


def total_gradients(tensors: Iterable[Any]) -> None:
    """Make each tensor's ``grad`` the sum of the processes'. One that no process has stays None."""
    if _Here.size == 1:
        return
    import torch

    tensors = list(tensors)
    there = [float(tensor.grad is not None) for tensor in tensors]
    flat = [
        (torch.zeros_like(t) if t.grad is None else t.grad).detach().float().reshape(-1).cpu()
        for t in tensors
    ]
    sums = total(torch.cat([*flat, torch.tensor(there)]))
    *grads, wrote = sums.split([*(len(part) for part in flat), len(tensors)])
    for tensor, grad, count in zip(tensors, grads, wrote.tolist(), strict=True):
        if count:
            tensor.grad = grad.view_as(tensor).to(tensor)


def require_same(what: str, tensors: Iterable[Any]) -> None:
    """Refuse to go on where processes no longer hold the same parameters.

    Raises:
        RunError: they differ by more than rounding.
    """
    if _Here.size == 1:
        return
    sizes = gather([sum(float(tensor.detach().double().norm()) for tensor in tensors)])
    low, high = min(sizes), max(sizes)
    if not high - low <= DRIFT * max(abs(low), abs(high)):
        raise RunError(
            f"the processes no longer hold the same {what} (norms {sizes}); allowed: algorithms "
            "and critics that compute the same from the same episodes, machines of one kind; fix: "
            "run in one process, without torchrun"
        )
