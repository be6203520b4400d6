"""Many runs: grids of settings, processes, a Ray cluster, time estimates.

May import the core, cli, runs, setup and display. No torch.
"""
