"""A trained team as a repository of the Hugging Face hub."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from colllm_bench.errors import ConfigError, RunError
from colllm_bench.hub.model_card import model_card
from colllm_bench.runs import files
from colllm_bench.runs.status import read_config

COPIED = ("config.json", "environment.json", "summary.json", "metrics.jsonl")
"""Of the run folder, beside ``team/``: what evaluation needs, and the record."""


def export_team(run: str | Path, folder: str | Path, *, license: str | None = None) -> Path:
    """Write what :func:`push_to_hub` uploads into a folder.

    It is laid out as a run folder, so that ``colllm-bench evaluate FOLDER`` plays the team, and
    each agent's folder below ``team/`` is one that PEFT loads.

    Args:
        run: folder of a complete run.
        folder: to write; must not hold anything.
        license: of the adapters, as the hub names it; None: the card names none.

    Returns:
        ``folder``.

    Raises:
        ConfigError: no run, one that is not complete, or ``folder`` holds something.
    """
    run, folder = Path(run), Path(folder)
    config = read_config(run)
    if not (run / "summary.json").exists() or not (run / "team").is_dir():
        raise ConfigError(
            f"{run} is not complete", allowed="a run with its held-out evaluation",
            fix=f"python -m colllm_bench.run --resume {run}",
        )
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} holds files already", fix="a folder that does not exist yet")
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(run / "team", folder / "team")
        for name in COPIED:
            if (run / name).exists():
                shutil.copyfile(run / name, folder / name)
    summary, environment = (files.read_json(run / f"{n}.json") for n in ("summary", "environment"))
    files.write_text(folder / "README.md", model_card(config, summary, environment, license))
    return folder


def push_to_hub(
    run: str | Path, repo_id: str, *, private: bool = True, license: str | None = None,
    api: Any = None,
) -> str:
    """Upload a run's trained team with a model card. The repository is made where it is missing.

    Args:
        run: folder of a complete run.
        repo_id: ``NAME/REPOSITORY``.
        private: of a repository that is made.
        license: see :func:`export_team`.
        api: a ``huggingface_hub.HfApi``; None: one with the login of ``hf auth login``.

    Returns:
        The address of the commit.

    Raises:
        ConfigError: as :func:`export_team`; no huggingface_hub; no ``NAME/REPOSITORY``.
        RunError: the hub refuses, or cannot be reached.
    """
    if not all(repo_id.partition("/")) or repo_id.count("/") != 1:
        raise ConfigError(f"{repo_id!r} is no repository", allowed="NAME/REPOSITORY")
    try:
        from huggingface_hub import HfApi
    except ModuleNotFoundError as error:
        raise ConfigError(
            "the hub needs huggingface_hub, which is not installed",
            fix="pip install huggingface_hub",
        ) from error
    api = api or HfApi()
    with tempfile.TemporaryDirectory() as place:
        folder = export_team(run, Path(place) / "team", license=license)
        try:
            api.create_repo(repo_id, private=private, exist_ok=True)
            commit = api.upload_folder(
                repo_id=repo_id, folder_path=str(folder),
                commit_message=f"Team of {read_config(run).algo}, trained with colllm_bench",
            )
        except Exception as error:  # its own, httpx's and the system's: all say why in words
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise RunError(
                f"the hub does not take {repo_id} ({reason}); fix: hf auth login with a token "
                "that may write there, or --to FOLDER to write the files only"
            ) from error
    return str(commit)
