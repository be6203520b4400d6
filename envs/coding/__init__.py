"""``coding_v0``: a team writes one program, judged by unit tests in a jail."""
