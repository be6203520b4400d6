"""What a run records of its machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from colllm_bench.errors import ConfigError
from colllm_bench.runs import arithmetic, provenance

CPUINFO = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC
stepping\t: 1
flags\t\t: fpu avx2 avx fma lahf_lm

processor\t: 1
model\t\t: 9
flags\t\t: avx512f
"""


def test_a_processor_is_more_than_its_name(monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda path, *given: CPUINFO)
    about = provenance.processor()
    assert {key: about[key] for key in about if key != "capability"} == {
        "vendor": "AuthenticAMD", "family": "25", "model": "1", "stepping": "1",
        "flags": ["avx", "avx2", "fma"],
    }


def test_torch_says_with_which_instructions_it_computes():
    import torch

    capability = provenance.environment()["processor"]["capability"]
    assert capability == torch.backends.cpu.get_cpu_capability()


def test_variables_that_decide_the_arithmetic_are_recorded(monkeypatch):
    for name, value in arithmetic.PORTABLE.items():
        monkeypatch.setenv(name, value)
    environment = provenance.environment() | {"accelerators": [], "machine": "x86_64"}
    assert arithmetic.is_portable(environment)
    assert not arithmetic.is_portable(environment | {"accelerators": ["GPU"]})
    assert not arithmetic.is_portable(environment | {"machine": "aarch64"})
    monkeypatch.delenv("MKL_CBWR")
    assert not arithmetic.is_portable(provenance.environment() | {"accelerators": []})
    assert not arithmetic.is_portable({}) and not arithmetic.is_portable({"variables": 3})


def test_portable_arithmetic_is_chosen_before_torch_or_not_at_all(monkeypatch):
    import torch  # noqa: F401  (it is loaded: that is the case)

    monkeypatch.setenv(arithmetic.SWITCH, "yes")
    with pytest.raises(ConfigError, match="COLLLM_PORTABLE is 'yes'"):
        arithmetic.make_portable_if_asked()
    monkeypatch.setenv(arithmetic.SWITCH, "1")
    for name in arithmetic.PORTABLE:
        monkeypatch.setenv(name, "other")
    with pytest.raises(ConfigError, match="before torch is loaded"):
        arithmetic.make_portable_if_asked()
    for name, value in arithmetic.PORTABLE.items():
        monkeypatch.setenv(name, value)
    arithmetic.make_portable_if_asked()


def test_torch_obeys_portable_arithmetic():
    code = (
        "from colllm_bench.runs import arithmetic, provenance\n"
        "arithmetic.make_portable_if_asked()\n"
        "import torch; print(provenance.processor()['capability'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"COLLLM_PORTABLE": "1", "PYTHONPATH": str(Path(provenance.__file__).parents[2])},
    )
    assert done.stdout.strip() in ("DEFAULT", "NO AVX")
