"""Settings that are shipped by name: ``--preset NAME`` stands below ``--config`` and flags."""

from __future__ import annotations

from pathlib import Path

from colllm_bench.errors import unknown_name

FOLDER = Path(__file__).with_name("presets")


def preset_names() -> list[str]:
    """Names of all presets, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def preset_files(names: str) -> list[str]:
    """The files of presets.

    Args:
        names: one, or several with commas; later ones override earlier ones.

    Raises:
        ConfigError: there is no preset of that name.
    """
    known = preset_names()
    for name in names.split(","):
        if name not in known:
            raise unknown_name("preset", name, known, "one of these, or --config FILE.toml")
    return [str(FOLDER / f"{name}.toml") for name in names.split(",")]


def describe(name: str) -> str:
    """A preset's first line, without the number sign."""
    return (FOLDER / f"{name}.toml").read_text("utf-8").partition("\n")[0].removeprefix("# ")
