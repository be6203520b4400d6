"""One training iteration of a real model, in a process of its own: CPU seconds part by part.

    python results/benchmarks/real_model/iteration.py '{"model": "FOLDER", "env": "coding"}'

Imports whichever ``colllm_bench`` is on PYTHONPATH, so that two checkouts can be compared. Any
field of ``RunConfig`` may stand in the JSON. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from contextlib import contextmanager

import torch

DEFAULTS = {"env": "coding", "algo": "cc", "agents": 2, "batch": 8, "max_action_tokens": 48,
            "dtype": "float32", "device": "cpu", "threads": 1, "seed": 0, "critic_warmup": 0}


class Clock:
    """CPU seconds by part; what a part encloses is not counted in it."""

    def __init__(self):
        self.seconds: dict[str, float] = {}
        self.tokens: dict[str, int] = {}
        self._open: list[list] = []  # [name, since]

    @contextmanager
    def part(self, name: str):
        self._switch()
        self._open.append([name, time.process_time()])
        try:
            yield
        finally:
            self._switch()
            self._open.pop()

    def _switch(self) -> None:
        now = time.process_time()
        if self._open:
            name, since = self._open[-1]
            self.seconds[name] = self.seconds.get(name, 0.0) + now - since
        for entry in self._open:
            entry[1] = now


def watch_forwards(model, clock: Clock, phase: list[str]) -> None:
    """Counts the tokens that the transformer reads, and splits a rollout's passes in two."""
    inner = model.base_model.forward

    def forward(*args, **kwargs):
        ids = kwargs.get("input_ids", args[0] if args else None)
        name = phase[0]
        if name == "rollout":
            name = "decode" if ids.shape[1] == 1 else "prefill"
        clock.tokens[name] = clock.tokens.get(name, 0) + ids.numel()
        if phase[0] != "rollout":
            return inner(*args, **kwargs)
        with clock.part(name):
            return inner(*args, **kwargs)

    model.base_model.forward = forward


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident_mib() -> float:
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(case: dict) -> dict:
    from colllm_bench.config import RunConfig
    from colllm_bench.setup.resolve import resolve
    from colllm_bench.training.trainer import Trainer

    torch.set_num_threads(case["threads"])
    trainer = Trainer(resolve(RunConfig.of(**case)))
    clock, phase = Clock(), ["rollout"]
    watch_forwards(trainer.team.model, clock, phase)
    before = resident_mib()
    with clock.part("rollout, rest"):
        episodes = trainer.play(0)
    peaks = {"rollout": peak_mib()}

    def step(name: str, call):
        phase[0] = name
        with clock.part(name):
            result = call()
        peaks[name] = peak_mib()
        return result

    if trainer.critic is not None:
        step("values", lambda: trainer.critic.write_values(episodes))
    trainer.algorithm.compute_advantages(episodes)
    metrics = {}
    if trainer.critic is not None:
        metrics |= step("critic", lambda: trainer.critic.update(episodes))
    metrics |= step("actor", lambda: trainer.actor.update(episodes, 0))
    turns = [turn for e in episodes for x in e.trajectories for turn in x.turns]
    logprobs = [x for turn in turns for x in turn.logprobs]
    return {
        "samples": len(turns),
        "action_tokens": len(logprobs),
        "cpu_s": clock.seconds,
        "cpu_s_in_all": sum(clock.seconds.values()),
        "tokens_read": clock.tokens,
        "resident_before_mib": before,
        "peak_mib": peaks,
        "ids": [i for turn in turns for i in turn.action_ids],
        "logprobs": logprobs,
        "values": [turn.value for turn in turns],
        "actor_grad_norm": metrics["actor_grad_norm"],
        "actor_steps": metrics["actor_steps"],
        "minibatches": trainer.config.minibatches,
    }


if __name__ == "__main__":
    print(json.dumps(measure(DEFAULTS | json.loads(sys.argv[1]))))
