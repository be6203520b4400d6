"""The game of ``results/benchmarks/game_job.py`` on CoMLRL's MAAC trainer, as it is.

A process that prints ``@{...}`` when it is ready, then runs one pass of training for every
line on its standard input and prints ``@{...}`` with its figures.
"""

from __future__ import annotations

import importlib.util
import json
import random
import sys
import types
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "benchmarks")]

import torch  # noqa: E402
from common import free, peak_gib, seconds_of  # noqa: E402
from game_job import WordGame, reward  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

BUFFER = 8
"""Samples an update: the trainer's default, here one episode's turns."""


def say(message: dict) -> None:
    print("@" + json.dumps(message), flush=True)


def stand_ins() -> dict[str, str]:
    """What stands for the peer's logger and data sets where they are not installed: it imports
    both, logs only when asked to, and reads its training data as a list here."""
    about = {}
    for name in ("wandb", "datasets"):
        if importlib.util.find_spec(name) is not None:
            about[name] = "installed"
            continue
        module = types.ModuleType(name)
        module.run = None
        module.Dataset = module.IterableDataset = type("Dataset", (), {})
        sys.modules[name] = module
        about[name] = "a stand-in"
    return about


def build(case: dict, tokenizer: Any) -> Any:
    """Its trainer with the game's prompts, transition and reward."""
    from comlrl.trainers.actor_critic import MAACConfig, MAACTrainer

    agents = case["agents"]
    game = WordGame(
        tokenizer, agents, case["turns"], case["prompt_tokens"], case["obs_tokens"]
    )
    items = []
    for i in range(case["items"]):
        prompts, _ = game.reset(seed=1000 + i)
        items.append({"prompt": str(1000 + i)} | {a: prompts[a]["text"] for a in prompts})

    def transition(prompt, prompt_history_per_agent, response_history_per_agent, **_):
        game.seed, turn = int(prompt), len(prompt_history_per_agent[0])
        return [
            seen[-1] + wrote[-1] + game.text(case["obs_tokens"], "obs", turn, f"agent_{a}")
            for a, (seen, wrote) in enumerate(
                zip(prompt_history_per_agent, response_history_per_agent, strict=True)
            )
        ]

    config = MAACConfig(
        num_agents=agents, num_turns=case["turns"], num_train_epochs=1, num_generations=1,
        max_new_tokens=case["new_tokens"], temperature=1.0, top_p=1.0, top_k=0,
        early_termination_threshold=None, external_prompt_passthrough=True, eval_interval=0,
        agent_devices=case["device"], rollout_buffer_size=BUFFER,
    )
    trainer = MAACTrainer(
        agent_model=case["model"], critic_model=case["model"], tokenizer=tokenizer,
        reward_func=lambda *texts, **_: [reward(joint) for joint in zip(*texts, strict=True)],
        formatters=[lambda item, a=a, **_: item[f"agent_{a}"] for a in range(agents)],
        external_transition=transition, train_dataset=items, args=config,
        model_config={"dtype": case["dtype"]},
    )
    trainer.verbose = False
    return trainer


def watch(trainer: Any, case: dict, tokenizer: Any) -> dict[str, float]:
    """Actions of exactly the wanted length; counts of samples and seconds of ``generate``."""
    sums = {"samples": 0, "tokens": 0, "generate_s": 0.0}
    for agent in trainer.agents:
        base = getattr(agent, "model", agent)
        base.generation_config.min_new_tokens = case["new_tokens"]
        base.generation_config.suppress_tokens = [tokenizer.pad_token_id, tokenizer.eos_token_id]
        inner = base.generate

        def generate(*args, inner=inner, **kwargs):
            took, out = seconds_of(lambda: inner(*args, **kwargs))
            rows, length = getattr(out, "sequences", out).shape
            sums["generate_s"] += took
            sums["samples"] += rows
            sums["tokens"] += rows * (length - kwargs["input_ids"].shape[1])
            return out

        base.generate = generate
    return sums


def main() -> None:
    case = json.loads(sys.argv[1])
    about = stand_ins()
    import comlrl

    random.seed(case["seed"])
    torch.manual_seed(case["seed"])
    tokenizer = AutoTokenizer.from_pretrained(case["model"])
    trainer = build(case, tokenizer)
    dtypes = sorted({str(p.dtype) for agent in trainer.agents for p in agent.parameters()})
    base = getattr(trainer.agents[0], "model", trainer.agents[0])
    prompt = tokenizer(" ba" * 16, return_tensors="pt").to(case["device"])
    base.generate(**prompt, max_new_tokens=4)  # warm
    sums = watch(trainer, case, tokenizer)
    say({"comlrl": comlrl.__version__, "dtypes": dtypes, "items": case["items"],
         "samples_an_update": BUFFER, **about})
    for _ in sys.stdin:
        free()
        sums.update(samples=0, tokens=0, generate_s=0.0)
        wall, _ = seconds_of(trainer.train)
        if sums["tokens"] != sums["samples"] * case["new_tokens"]:
            raise RuntimeError(f"{sums['tokens']} tokens in {sums['samples']} actions")
        figures = {**sums, "wall_s": wall, "samples_per_s": sums["samples"] / wall,
                   "peak_memory_gib": peak_gib()}
        free()  # the other side's turn
        say(figures)


if __name__ == "__main__":
    main()
