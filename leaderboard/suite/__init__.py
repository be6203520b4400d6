"""Suites in numbers: records of runs, verdicts, tables, plots, and the seeds that a claim needs.

``records`` reads run folders and keeps what a comparison needs; ``verdicts`` compares; the other
modules write. May import ``data`` and ``statistics`` of the leaderboard.
"""
