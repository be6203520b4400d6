"""What teams are worth, exactly: :mod:`.bounds` (random, blind, joint, state), :mod:`.evaluation`
(any policy), :mod:`.decentralized` (the best team of agents that see only their own)."""
