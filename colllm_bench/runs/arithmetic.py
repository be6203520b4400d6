"""Arithmetic that does not depend on the processor: slower, and the same bytes on x86-64.

torch, MKL, oneDNN and the C library each choose their inner loops by the processor's vector
instructions, and loops of another width add up in another order. The differences, in the last
bit, grow while a team trains: equal seeds end with other weights on a processor with AVX2 only
than on one with AVX-512. With :data:`PORTABLE` each library uses loops that every x86-64
processor with FMA has. What it costs and what was compared: ``results/verification``.

The variables must be set before torch is loaded. Source: "Conditional Numerical Reproducibility"
in the oneMKL developer guide; ``ATEN_CPU_CAPABILITY`` in torch's
``aten/src/ATen/native/DispatchStub.cpp``.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from colllm_bench.errors import ConfigError

PORTABLE = {
    "ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE", "ONEDNN_MAX_CPU_ISA": "SSE41",
}
SWITCH = "COLLLM_PORTABLE"
"""Set to 1, it asks for :data:`PORTABLE`."""
VARIABLES = (*PORTABLE, "MKL_ENABLE_INSTRUCTIONS", "GLIBC_TUNABLES", "CUBLAS_WORKSPACE_CONFIG")
"""Variables that decide which inner loops compute; a run records those that are set."""


def make_portable() -> None:
    """Ask for portable arithmetic in this process and those that it starts.

    Raises:
        ConfigError: torch is loaded, and has chosen its loops already.
    """
    if all(os.environ.get(name) == value for name, value in PORTABLE.items()):
        return
    if "torch" in sys.modules:
        raise ConfigError(
            "portable arithmetic must be chosen before torch is loaded",
            fix=f"start the process with {SWITCH}=1",
        )
    os.environ.update(PORTABLE)


def make_portable_if_asked() -> None:
    """:func:`make_portable` if the variable ``COLLLM_PORTABLE`` is 1.

    Raises:
        ConfigError: it is set to something else.
    """
    value = os.environ.get(SWITCH, "")
    if value not in ("", "0", "1"):
        raise ConfigError(f"{SWITCH} is {value!r:.60}", allowed="1, or 0 or unset")
    if value == "1":
        make_portable()


def is_portable(environment: dict[str, Any]) -> bool:
    """Whether an ``environment.json`` is of a run in portable arithmetic, on a CPU."""
    variables = environment.get("variables")
    return (
        isinstance(variables, dict)
        and all(variables.get(name) == value for name, value in PORTABLE.items())
        and environment.get("accelerators") == []
        and environment.get("machine") in ("x86_64", "AMD64")
    )
