"""Why the judge of fluency is no small neural model: what each thinks of texts by other hands.

    OMP_NUM_THREADS=1 python results/writing_env/judges.py

Writes ``judges.json`` and ``judges.md``: mean fluency by the section, of the reference model that
ships and of the built-in writing model taken as ``fluency=FOLDER``.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from statistics import fmean

from colllm_bench import registry
from colllm_bench.envs.writing.language import premises
from colllm_bench.envs.writing.language import tokens as tk
from colllm_bench.envs.writing.language.story_generator import write
from colllm_bench.envs.writing.scoring import fluency, ngram_model

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "support"))


def main() -> None:
    from test_env_writing_rewards import HUMAN

    rng = random.Random(4)
    expert = [
        tk.read(write(premise, k, 30, rng))
        for premise in (premises.draw(3, rng, "eval") for _ in range(30)) for k in range(3)
    ]
    human = [tk.read(section) for story in HUMAN for section in story]
    prose = [tk.read(p) for p in ngram_model.PROSE.read_text("utf-8").split("\n\n")]
    texts = {
        "expert": expert,
        "expert, shuffled": [ngram_model.shuffled(t, rng) for t in expert],
        "stories no script wrote": human,
        "prose (in the reference's corpus)": prose,
        "prose, shuffled": [ngram_model.shuffled(t, rng) for t in prose],
    }
    folder = str(registry.MODELS["tiny"].folder("writing"))
    judges = {"reference": fluency.scorer("reference"), "built-in model": fluency.scorer(folder)}
    means = {
        kind: {
            name: fmean(value for t in rows for value in judge([t], tk.find_names([t])))
            for name, judge in judges.items()
        }
        for kind, rows in texts.items()
    }
    lines = ["| sections | n | reference | built-in model |", "|---|---|---|---|"]
    lines += [
        f"| {kind} | {len(texts[kind])} | {row['reference']:.2f} | {row['built-in model']:.2f} |"
        for kind, row in means.items()
    ]
    (HERE / "judges.json").write_text(json.dumps(means) + "\n")
    (HERE / "judges.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
