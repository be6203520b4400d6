"""A small game for endpoint teams, and what their tests read of it."""

from __future__ import annotations

from servers import Scripted, completion

from colllm_bench.config import RunConfig
from colllm_bench.evaluation.held_out import play_held_out
from colllm_bench.setup.resolve import resolve
from colllm_bench.teams.endpoint.client import Endpoint
from colllm_bench.teams.endpoint.team import EndpointTeam

KEY = "sk-secret-0123456789"


def relay(**changes) -> RunConfig:
    """A game of two agents and two or three turns, on which any text may be said."""
    options = dict(env="tiny_envs:Relay", agents=2, env_options={"turns": 2, "vary": 2},
                   eval_episodes=3, batch=3, style="brief")
    return resolve(RunConfig(**{**options, **changes}))


def play(server, config=None, path=None, temperature=0.0, seed=0, **endpoint):
    """(episodes, team) of a team behind the server."""
    options = {"retries": 1, "timeout": 20.0, **endpoint}
    team = EndpointTeam("m", Endpoint(base_url=server.url, **options), path=path,
                        temperature=temperature, max_action_tokens=7, seed=seed)
    try:
        return play_held_out(config or relay(), team), team
    finally:
        team.close()


def texts(episodes):
    return [[turn.action_text for turn in x.turns] for e in episodes for x in e.trajectories]


def always(text="go"):
    return Scripted(lambda number, body: (200, completion(text)))
