"""Writing: a team writes one text, each agent its own section. See :mod:`.env`."""
