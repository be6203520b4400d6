"""Material of the sandbox's tests: attacks, correct solutions, canaries, and the run of them."""
