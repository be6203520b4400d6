"""An episode as a person reads it."""

from __future__ import annotations

from textwrap import indent

from colllm_bench.types import Episode, Trajectory, Turn

VISIBLE = {
    **{code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"},
    **{code: f"\\x{code:02x}" for code in range(127, 160)},
}
"""Control characters -> how transcripts show them: a terminal that prints a transcript must not
obey what an agent wrote (ESC is U+241B)."""


def episode_text(episode: Episode) -> str:
    """All observations and actions, turn by turn, with rewards and (if any) values.

    Control characters are shown, not kept; tabs and line ends are.
    """
    verdict = {True: "success", False: "no success", None: "no verdict"}[episode.success]
    lengths = [len(trajectory.turns) for trajectory in episode.trajectories]
    parts = [
        f"episode with seed {episode.seed}: {verdict}, return {episode.return_:g}, "
        f"{max(lengths)} turns, {len(lengths)} agents"
    ]
    if episode.score:
        parts.append("score: " + ", ".join(f"{k} {v:g}" for k, v in episode.score.items()))
    for trajectory in episode.trajectories:
        parts.append(f"\n--- instructions to {trajectory.agent} ---\n{trajectory.instructions}")
    for t in range(max(lengths)):
        parts.append(f"\n--- turn {t + 1} ---")
        for trajectory in episode.trajectories:
            if t < len(trajectory.turns):
                parts.append(_turn_text(trajectory, trajectory.turns[t]))
    return ("\n".join(parts) + "\n").translate(VISIBLE)


def _turn_text(trajectory: Trajectory, turn: Turn) -> str:
    notes = []
    if turn.info and turn.info.get("invalid"):
        notes.append("invalid")
    if turn.reward:
        notes.append(f"reward {turn.reward:g}")
    if turn.value is not None:
        notes.append(f"value {turn.value:.3f}")
    if turn.advantage is not None:
        notes.append(f"advantage {turn.advantage:+.3f}")
    end = "terminated" if turn.terminated else "truncated" if turn.truncated else None
    notes += [end] if end else []
    seen = indent(turn.observation, "    ")
    said = indent(turn.action_text or "", "  > ", lambda line: True) or "  > "
    tail = f"\n    [{', '.join(notes)}]" if notes else ""
    if turn.info and turn.info.get("verdict"):
        tail += f"\n    verdict: {turn.info['verdict']}"
    return f"{trajectory.agent}\n{seen}\n{said}{tail}"
