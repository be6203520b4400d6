"""``writing_v0``: a team writes one text, each agent its own section. See :class:`.env.WritingEnv`.

Rooms: :mod:`.language` (words, premises, sentences), :mod:`.scoring` (what a text is worth). The
files here stand on both.
"""
