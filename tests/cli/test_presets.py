"""Settings that are shipped by name."""

from __future__ import annotations

import pytest

from colllm_bench import cli, run, sweep
from colllm_bench.config import RunConfig
from colllm_bench.errors import ConfigError
from colllm_bench.launchers import grid
from colllm_bench.options import check_values


def config_of(*argv: str) -> RunConfig:
    return cli.build_config(run.parser().parse(argv), run.RUN_OPTIONS)[0]


@pytest.mark.parametrize("name", cli.preset_names())
def test_every_preset_is_in_range_and_says_what_it_is_for(name):
    config = config_of("--preset", name)
    check_values(RunConfig, vars(config))
    assert config != RunConfig()
    # What is played and by which rule is never a preset's to say.
    plain = RunConfig()
    for field in ("env", "env_options", "algo", "algo_options", "agents", "seed"):
        assert getattr(config, field) == getattr(plain, field)
    assert len(cli.describe_preset(name)) > 20
    assert f"  {name} " in run.listing()


def test_flags_and_files_go_before_presets_and_later_ones_before_earlier(tmp_path):
    assert config_of("--preset", "qwen3-0.6b").model == "Qwen/Qwen3-0.6B"
    (tmp_path / "my.toml").write_text("batch = 4\nlr = 0.5\n")
    config = config_of("--preset", "qwen3-1.7b,paper-full", "--config", str(tmp_path / "my.toml"),
                       "--lr", "0.25")
    assert (config.model, config.tuning, config.batch, config.lr) == (
        "Qwen/Qwen3-1.7B", "full", 4, 0.25
    )
    assert config_of("--preset", "paper-full,qwen3-1.7b").lr == 5e-6


def test_a_sweep_has_them_too():
    args = sweep.parser().parse(["--preset", "qwen3-0.6b", "--algo", "mc,cc", "--batch", "8,32"])
    grids, _ = grid.read_grids(args, sweep.SWEEP_OPTIONS)
    configs = [config for one in grids for config in one.configs()]
    assert {(c.algo, c.batch, c.model) for c in configs} == {
        (algo, batch, "Qwen/Qwen3-0.6B") for algo in ("mc", "cc") for batch in (8, 32)
    }


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'qwen3-0.6b'"):
        config_of("--preset", "qwen3-06b")
