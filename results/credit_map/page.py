"""The map as a page: README.md and map.png, from the committed rows alone.

    python results/credit_map/page.py
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import theory
from analysis import LEVEL, TESTS, WARM_UP, Map
from cells import CENTRE, GAE_LAMBDA, LEARNERS, ROWS, TUNED, cell
from claims import bold, spread, verdicts
from crossed import crossed_table
from in_short import in_short
from learn import BATCH, EPISODES, HELD_OUT, LR, SEEDS, read

from colllm_bench.runs.files import write_text

HERE = Path(__file__).parent
EARLY = (2, 3, 4)
"""Iterations after the warm-up in which policies are still near the untrained one."""
HEAD = """# When which critic wins: a map of `credit_v0`

Written by `page.py` from the rows beside it. Each row of the picture is one setting of \
[credit_v0](../../docs/credit.md), a task whose true values are known. The centre is {centre}; \
every other row changes one thing, those below `team all` two or three.

![map](map.png)

**Left, measured.** Training episodes until half of all answers are right (the untrained team: a \
fifth). Blue is fewer than Monte-Carlo needs in the same row, red more. `oracle` learners have \
perfect critics and learn only the policy. **Middle, exact.** With perfect critics and the \
untrained policy frozen: how many times larger the signal-to-noise ratio of the policy gradient is \
than Monte-Carlo's. **Right, theory.** The same from closed forms.

Read it so: where middle and right are 1, no critic can help. Where they are large and the \
`oracle` columns are blue, information helps. Where `oracle` is blue and the learned critic beside \
it is not, learning the critic costs what it brings.
"""


def claims_table(own: Map) -> list[str]:
    lines = ["## The paper's claims, here", "", "| claim (arXiv 2601.21972) | verdict | because |",
             "|---|---|---|"]
    lines += [f"| {v.claim} | **{v.verdict}** | {v.reason} |" for v in verdicts(own)]
    if ("luck 3", "cc", "dc") in own.tests:
        ratio, p = own.tests["luck 3", "cc", "dc"]
        lines += ["", f"Theory's one large difference between perfect critics is luck that only a "
                  f"teammate saw (P3): with luck 3, `cc` needs {spread(ratio)} times `dc`'s "
                  f"episodes (p {p:.2g}; held out, {own.mean('luck 3', 'cc', 'right'):.2f} of the "
                  f"answers are right at the end against {own.mean('luck 3', 'dc', 'right'):.2f})."
                  " Monte-Carlo's group starts from one state, which takes the coin out without a "
                  "critic."]
    lines += ["", f"p: permutation tests of five runs a side, after Holm's correction for "
              f"{len(own.tests)} tests named beforehand ({len(TESTS)} are as many as five seeds "
              "can carry). The rules of the verdicts (`claims.py`) were written before the runs of "
              "the tested settings. The verdicts hold for this task, this model of 37,024 "
              "parameters and these settings."]
    return lines


def samples_table(own: Map) -> list[str]:
    lines = [
        "## Learning", "",
        f"Ratios of episodes to {LEVEL:.0%} right, with 95% intervals over runs (restricted to the "
        f"budget of {EPISODES}); below 1 the first is earlier. Where the interval excludes 1 it is "
        "bold; apart from the tests above, nothing is corrected for their number. Learned critics "
        f"train alone for their first {WARM_UP} episodes, which count.", "",
        "| setting | `cc` / `mc` | `dc` / `mc` | `cc` / `dc` | `hier` / `cc` | "
        "`cc` / `cc oracle` | `dc` / `dc oracle` | `hier oracle` / `cc oracle` |",
        "|---|---|---|---|---|---|---|---|",
    ]
    pairs = (("cc", "mc"), ("dc", "mc"), ("cc", "dc"), ("hier", "cc"), ("cc", "cc oracle"),
             ("dc", "dc oracle"), ("hier oracle", "cc oracle"))
    for name in own.names:
        lines.append(f"| {name} | " + " | ".join(
            bold(own.ratio(name, *pair)) for pair in pairs) + " |")
    lines += ["", "Held-out share of right answers after training, mean over seeds (lowest seed):",
              "", "| setting | " + " | ".join(f"`{x}`" for x in LEARNERS) + " |",
              "|---|" + "---|" * len(LEARNERS)]
    for name in own.names:
        finals = [[row["right"] for row in own.runs(name, x)] for x in LEARNERS]
        lines.append(f"| {name} | " + " | ".join(
            f"{np.mean(f):.3f} ({min(f):.2f})" if f else "" for f in finals) + " |")
    return lines


def exact_table(own: Map) -> list[str]:
    lines = [
        "## Theory and exact values", "",
        "Sum over turns of the advantage's variance at the untrained policy, Monte-Carlo's "
        "(constant baseline) over the critic's: sampled with exact values / closed form "
        "(`theory.py`; docs/credit.md, P1 to P4).", "",
        "| setting | `dc` lambda 0 | 0.8 | 0.95 | 1 | `cc` lambda 0 | 0.8 | 0.95 | 1 |",
        "|---|" + "---|" * 8,
    ]
    keys = [f"{x} {lam}" for x in ("dc", "cc") for lam in ("0", "0.8", "0.95", "1")]
    gaps = []
    for name in (name for name in ROWS if cell(name).plain is None):
        row = own.exact[name, "untrained"]
        rows, closed = row["estimators"], row["theory"]
        cells = []
        for key in keys:
            seen = (rows["mc constant"]["advantage_variance"]
                    / rows[key]["advantage_variance"])
            if closed is None:
                cells.append(f"{seen:.3g} / none")
                continue
            wanted = closed["mc constant"] / closed[key]
            gaps.append(abs(math.log(seen / wanted)))
            cells.append(f"{seen:.3g} / {wanted:.3g}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", f"Largest gap between the two: {math.expm1(max(gaps)):.1%}. The true signal is "
              "the same for all perfect critics, so the ratio of the gradient's variance is what "
              "the middle of the picture shows."]
    return lines


def cold_table(own: Map) -> list[str]:
    lines = [
        "## A critic that knows nothing yet", "",
        "With a constant for V and the reward at the end, lambda below 1 multiplies a turn's "
        "weight by lambda for each turn until the end. The gradient keeps its direction and loses "
        "length (its bias: 1 less what is left), and efficiency beside Monte-Carlo "
        "(exact / closed form), untrained policy:", "",
        "| setting | length left, lambda 0 | 0.8 | 0.95 | efficiency, lambda 0 | 0.8 | 0.95 |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in ("turns 4", "centre", "turns 16", "turns 32"):
        rows = own.exact[name, "untrained"]["estimators"]
        colds = [(lam, rows[f"cold {lam:g}"]) for lam in (0.0, 0.8, 0.95)]
        cells = [f"{row['along']:.2f}" for _, row in colds] + [
            f"{row['snr'] / rows['mc constant']['snr']:.2f} / "
            f"{theory.cold_efficiency(cell(name), lam):.2f}" for lam, row in colds
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def explained_table(own: Map) -> list[str]:
    lines = [
        "## Does V explain what it should?", "",
        "Explained variance of returns-to-go at the untrained policy. Theory: closed form. Exact: "
        "the oracle's values of sampled answers. Run: an `oracle` learner's first iteration. "
        "Learned: the mean of iterations 3 to 5, right after the warm-up, when the policy has "
        "moved little.", "",
        "| setting | joint: theory | exact | run | learned (`cc`) | local: theory | exact | run | "
        "learned (`dc`) |", "|---|" + "---|" * 8,
    ]
    for name in (name for name in ROWS if cell(name).plain is None):
        row, cells = own.exact[name, "untrained"], []
        for knows, learner in (("joint", "cc"), ("local", "dc")):
            closed = row["theory_explained"]
            values = [closed and closed[knows], row["explained_variance"][knows]]
            if name in own.names:
                values += [own.explained(name, f"{learner} oracle", (0,)),
                           own.explained(name, learner, EARLY)]
            else:
                values += [None, None]
            cells += ["none" if v is None else f"{v + 0.0:.2f}" for v in values]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def tuning_table(folder: Path) -> list[str]:
    rows: dict[tuple, list[tuple[float, float]]] = defaultdict(list)
    for row in read(folder / "tune.jsonl"):
        rows[row["learner"], row["lr"]].append((float(np.mean(row["curve"])), row["right"]))
    rates = sorted({rate for _, rate in rows})
    lines = [
        "## Equal tuning", "",
        f"One learning rate for all, {LR:g}: of those tried on the centre with seeds 900 and 901 "
        "the best for the learners' mean. Share of right answers in the mean over training (held "
        "out at its end), means of the two seeds:", "",
        "| learner | " + " | ".join(f"{rate:g}" for rate in rates) + " |",
        "|---|" + "---|" * len(rates),
    ]
    means = {key: np.mean(found, axis=0) for key, found in rows.items()}
    for learner in TUNED:
        lines.append(f"| `{learner}` | " + " | ".join(
            "{:.3f} ({:.3f})".format(*means[learner, rate]) for rate in rates) + " |")
    whole = [np.mean([means[learner, rate] for learner in TUNED], axis=0) for rate in rates]
    lines.append("| mean | " + " | ".join("{:.3f} ({:.3f})".format(*m) for m in whole) + " |")
    return lines


def how(own: Map) -> list[str]:
    rows = [row for rows in own.rows.values() for row in rows]
    machine = rows[0]["machine"]
    commits = sorted({row["machine"]["commit"][:12] for row in rows})
    left = [name for name in ROWS if any(not own.runs(name, x) for x in cell(name).learners)]
    lines = [
        "## How it was made", "",
        f"{len(rows)} runs of {EPISODES} episodes, {BATCH} an iteration, seeds "
        f"{SEEDS[0]} to {SEEDS[-1]}, lambda {GAE_LAMBDA:g} where no row says otherwise, "
        "everything else at its default; "
        f"{HELD_OUT} held-out episodes. `learn.jsonl` has every run's curve. One thread each on "
        f"{machine['cpu']} ({machine['cores']} cores, shared with other work, so that times are "
        f"rough); {sum(row['cpu_seconds'] for row in rows) / 60:.0f} CPU minutes; commits "
        f"{', '.join(commits)}.", "",
        "    python results/credit_map/exact.py            # exact.json",
        "    python results/credit_map/learn.py --tune     # tune.jsonl",
        "    python results/credit_map/learn.py --jobs 2   # learn.jsonl: goes on where it stopped",
        "    python results/credit_map/page.py             # this page",
    ]
    if left:
        lines += ["", f"Not run, or not all learners with all seeds: {'; '.join(left)}. Runs "
                  "of another commit should not stand beside these: critics may have changed."]
    return lines


def text_of(folder: Path) -> str:
    """The page's text."""
    own = Map(folder)
    if not own.runs("centre", "cc oracle"):
        raise SystemExit(f"error: {folder / 'learn.jsonl'} lacks runs of the centre; run learn.py")
    centre = "three agents, " + ", ".join(f"{key} {value:g}" if isinstance(value, float)
                                          else f"{key} {value}" for key, value in CENTRE.items())
    parts = [
        [HEAD.format(centre=centre).rstrip("\n")], in_short(own), claims_table(own),
        samples_table(own), crossed_table(own),
        exact_table(own), cold_table(own), explained_table(own),
        tuning_table(folder), how(own),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=HERE, help="rows, and where the page goes")
    args = parser.parse_args()
    write_text(args.folder / "README.md", text_of(args.folder))
    from figure import draw

    draw(Map(args.folder), args.folder / "map.png")


if __name__ == "__main__":
    main()
