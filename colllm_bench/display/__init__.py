"""What a terminal shows: progress bars, tables of results and jobs.

May import the core and runs. No torch.
"""
