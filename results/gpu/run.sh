#!/usr/bin/env bash
# Everything that a GPU must show, in order of worth, in at most 8 minutes a call on one card.
#
#   bash results/gpu/run.sh [OUT] [--tiny] [--seconds N] [--commit HASH]
#
# OUT (default results/gpu/data) gets a JSON file a step and table.md. Steps that are there and
# complete are skipped, so the same command goes on after a failure, and a second call makes what
# the first had no time for. --tiny runs every step at toy sizes, on a CPU too. PYTHON=... names
# another interpreter, SMOLLM2=... a folder or GGUF file of SmolLM2 or a warm start of it.
set -eu
cd "$(dirname "$0")/../.."
export PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}$PWD"
exec "${PYTHON:-python3}" results/gpu/run.py "$@"
