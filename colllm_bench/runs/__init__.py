"""The run folder: files, checkpoints, provenance, replays, transcripts.

May import the core. No torch at import.
"""
