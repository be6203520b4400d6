"""Which agents share a policy."""

from __future__ import annotations

from collections.abc import Sequence

from colllm_bench.errors import ConfigError


def assign_slots(share: str, agents: Sequence[str], roles: Sequence[str] | None) -> list[int]:
    """The policy of each agent: its own, everybody's, or its role's."""
    if share == "none":
        return list(range(len(agents)))
    if share == "all":
        return [0] * len(agents)
    if share == "role":
        if roles is None or len(roles) != len(agents):
            raise ConfigError(
                "share='role' needs a role for every agent, and this environment gives none",
                allowed="none, all",
            )
        order = list(dict.fromkeys(roles))
        return [order.index(role) for role in roles]
    raise ConfigError(f"unknown share {share!r}", allowed="none, all, role")
