"""Language models: loading, prompts, adapters, cached decoding, the team's policies and critic
heads.

May import the core and ``runs`` (files). Imports torch.
"""
