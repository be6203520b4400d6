"""``coding_v0``: a team writes one program. The environment is :class:`.env.CodingEnv`."""
