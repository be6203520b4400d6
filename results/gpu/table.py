"""The steps' figures as Markdown."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean, median
from typing import Any

from common import read


def markdown(folder: Path) -> str:
    data = {name: read(folder, name) for name in ("machine", "parity", "iteration", "strategy",
                                                  "smollm2", "sizes", "compiled")}
    lines = ["# On a GPU", "", *heading(data["machine"])]
    for name, write in (("parity", parity), ("iteration", iteration), ("strategy", strategy),
                        ("smollm2", smollm2), ("sizes", sizes), ("compiled", compiled)):
        report = data[name]
        lines += ["", f"## {name.capitalize()}", ""]
        try:
            lines += write(report)
        except (KeyError, IndexError, TypeError, ZeroDivisionError) as error:
            lines.append(f"Not all of it was measured ({type(error).__name__}: {error}).")
        lines += [f"- failed: {error}" for error in report.get("errors", [])]
        if "seconds" in report:
            lines += ["", f"Took {report['seconds']:.0f} s."]
    return "\n".join(lines) + "\n"


def heading(m: dict[str, Any]) -> list[str]:
    card = m.get("card", {})
    name = card.get("name", m.get("device", "unknown"))
    driver = f", driver {card['driver_version']}" if "driver_version" in card else ""
    torch = m.get("torch", {})
    packages = m.get("environment", {}).get("packages", {})
    toy = " **Toy sizes (`--tiny`): no result, only proof that every step runs.**"
    return [
        f"{name}{driver}, torch {torch.get('version')}, CUDA {torch.get('cuda')}, transformers "
        f"{packages.get('transformers')}, {m.get('environment', {}).get('cores')} CPU cores, "
        f"commit {m.get('commit')}. Made by `bash results/gpu/run.sh`."
        + (toy if m.get("tiny") else "")
    ]


def parity(r: dict[str, Any]) -> list[str]:
    lines = [
        "Largest difference of log-probabilities (nats; mean in brackets). *Loss*: as sampled "
        "against as the loss recomputes them on the device. *Cache*: with kept keys and values "
        "against whole transcripts (*other tokens*: rounding made them draw different ones). "
        "*Beyond clip*: share of tokens whose ratio leaves 1 +- 0.2 by "
        "rounding alone.",
        "",
        "| model | dtype | device and CPU fp32 | loss | cache | greedy actions as CPU "
        "| beyond clip |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in ("built-in", "Llama", "Qwen3"):
        for dtype in ("float32", "bfloat16"):
            if (own := r.get(name, {}).get(dtype)) is None:
                continue
            cells = [
                f"{own[k]['largest']:.1e} ({own[k]['mean']:.1e})" if own[k] else "other tokens"
                for k in ("against_cpu", "sampled_against_loss", "cache_against_whole")
            ]
            lines.append(
                f"| {name} | {dtype} | " + " | ".join(cells)
                + f" | {own['greedy_actions_as_cpu']:.1%} "
                f"| {own['share_of_ratios_beyond_clip']:.2%} |"
            )
    verdict = "holds" if r["passed"] else "does NOT hold"
    return [*lines, "", f"float32 within 1e-4 and greedy actions equal: {verdict}."]


def iteration(r: dict[str, Any]) -> list[str]:
    case, m, share = r["case"], r["medians"], r["medians"]["share_of_matmul"]
    ours, peer = r["repeats"]["ours"], r["repeats"]["peer"]
    lines = [
        f"Random Qwen3-0.6B configuration, {case['agents']} agents, {case['items']} episodes of "
        f"{case['turns']} turns, {case['dtype']}, LoRA, one pass of `cc`; medians of {len(ours)} "
        f"repeats. This card's 8192^3 bf16 product: {r['matmul_flops'] / 1e12:.0f} TFLOP/s.",
        "",
        "| | samples/s (all) | generated tokens/s | tokens/s in training | peak GiB |",
        "|---|---|---|---|---|",
        f"| here | **{m['ours_samples_per_s']:.1f}** ({each(ours)}) "
        f"| {m['generated_tokens_per_s']:.0f} | {m['training_tokens_per_s']:.0f} "
        f"| {m['peak_memory_gib']:.1f} |",
    ]
    about = r["peer_about"]
    if "absent" in about:
        lines += ["", f"No peer beside it: {about['absent']}."]
    if peer:
        generated = sorted(x["tokens"] / x["generate_s"] for x in peer)[len(peer) // 2]
        lines += [
            f"| CoMLRL {about['comlrl']}, MAAC | **{m['peer_samples_per_s']:.2f}** "
            f"({each(peer, 2)}) | {generated:.0f} | | {m['peer_peak_memory_gib']:.1f} |",
            "",
            f"Ratio: **{m['ratio']:.0f}x**. The peer trains all parameters of a model per agent, "
            f"one transcript at a time, {about['items']} episode a repeat; wandb is "
            f"{about['wandb']}, datasets {about['datasets']}.",
        ]
    pieces = ", ".join(f"{k} {v:.1%}" for k, v in share.items())
    seconds = ours[len(ours) // 2]["seconds"]
    return [
        *lines, "", f"Share of the matrix product's speed: {pieces}. Seconds of one repeat: "
        + ", ".join(f"{k} {v:.2f}" for k, v in seconds.items()) + ".", "", *token(r["token"]),
    ]


def each(rows: list[dict], digits: int = 1) -> str:
    return ", ".join(f"{row['samples_per_s']:.{digits}f}" for row in rows)


def token(t: dict[str, Any]) -> list[str]:
    if "error" in t:
        return []
    lines = [
        f"A generated token of {t['rows']} rows: {t['ms_a_token']:.2f} ms, "
        f"{t['launches_a_token']:.0f} kernel launches, {t['waits_a_token']:.1f} waits, "
        f"{t['copies_a_token']:.1f} copies, {t['operators_a_token']:.0f} operators. Dearest:",
        "",
    ]
    return lines + [
        f"- `{row['name']}`: {row['calls']} calls, {row['device_us']} us" for row in t["top"][:6]
    ]


def strategy(r: dict[str, Any]) -> list[str]:
    reference = r["reference"]
    lines = [
        "| `--env strategy --algo cc` | held-out win rate | iterations | s an iteration "
        "| rollout | learn |",
        "|---|---|---|---|---|---|",
    ]
    for own in reference:
        lines.append(f"| CPU reference, {own['seed']} | {own['held_out']['mean']:.3f} | 40 "
                     f"| {own['iteration_s']:.2f} | | |")
    for dtype in ("float32", "bfloat16"):
        own = r.get(dtype, {})
        if "held_out" in own:
            low, high = own["held_out_interval"]
            lines.append(
                f"| here, {dtype} | {own['held_out']:.3f} ({low:.3f} to {high:.3f}) "
                f"| {own['iterations']} of {own['of']} | {own['iteration_s']:.2f} "
                f"| {own['rollout_s']:.2f} | {own['learn_s']:.2f} |"
            )
    return [*lines, "", *token(r["token"])]


def smollm2(r: dict[str, Any]) -> list[str]:
    lines = [
        f"`--env coding --agents 2`, {r['model'].get('is', 'no model')}. Success and invalid "
        "answers: of the first and of the last fifth of the training episodes.",
        "",
        "| algorithm | episodes | success | invalid | held out | s an iteration | rollout "
        "| learn |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for algo in ("mc", "cc", "dc"):
        own = r.get(algo, {})
        if "rows" not in own:
            continue
        low, high = own["held_out_interval"]
        lines.append(
            f"| {algo} | {own['rows'][-1]['episodes']} | {ends(own['rows'], 'success')} "
            f"| {ends(own['rows'], 'invalid')} | {own['held_out']:.3f} ({low:.3f} to {high:.3f}; "
            f"{own['held_out_tasks']} tasks) | {own['iteration_s']:.2f} | {own['rollout_s']:.2f} "
            f"| {own['learn_s']:.2f} |"
        )
    return lines


def ends(rows: list[dict], key: str) -> str:
    """The mean of the first and of the last fifth of a curve."""
    fifth = max(1, len(rows) // 5)
    first, last = (fmean(row[key] for row in some) for some in (rows[:fifth], rows[-fifth:]))
    return f"{first:.3f} to {last:.3f}"


def sizes(r: dict[str, Any]) -> list[str]:
    lines = ["| case | micro-batch | samples/s | training tokens/s | share of matmul in training "
             "| peak GiB |", "|---|---|---|---|---|---|"]
    for name, own in r.items():
        if isinstance(own, dict) and "samples_per_s" in own:
            lines.append(
                f"| {name} | {own['micro_batch']} | {own['samples_per_s']:.1f} "
                f"| {own['training_tokens_per_s']:.0f} | {own['share_of_matmul']['training']:.1%} "
                f"| {own['peak_memory_gib']:.1f} |"
            )
    return lines


def compiled(r: dict[str, Any]) -> list[str]:
    seconds, first, play = r["rollout_s"], r["first_rollout_s"], r["play"]
    ratio = median(a / b for a, b in zip(seconds["plain"], seconds["compiled"]))
    gap = play["largest_difference_of_logprobs"]
    lines = ["| `--compile-decoding` | first rollout, s | rollouts after it, s |", "|---|---|---|"]
    for way, name in (("plain", "no"), ("compiled", "yes")):
        each = ", ".join(f"{x:.2f}" for x in seconds[way])
        lines.append(f"| {name} | {first[way]:.1f} | {each} |")
    return [
        *lines, "", f"Ratio: **{ratio:.2f}x** (median of {len(seconds['plain'])} pairs). "
        f"{play['same_first_actions']} of {play['rows']} first actions are the same; up to the "
        f"first other token log-probabilities differ by {gap:.1e} at most. {r['graphs']} graphs "
        f"were compiled, {r['cuda_graphs_skipped']} passes had no CUDA graph.",
    ]
