"""``coding_v0``: a team writes one program. The environment is :class:`.env.CodingEnv`.

Rooms: :mod:`.generator` (programs), :mod:`.datasets` (programs from elsewhere), :mod:`.sandbox`
(where code runs), :mod:`.grading` (parsing, tests, rewards). The files here stand on all four.
"""
