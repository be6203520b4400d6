"""What stands for a name: an environment, an algorithm, a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class EnvSpec:
    """An environment under a name.

    Attributes:
        name: short name, as in ``--env strategy``.
        entry: ``"module:Class"`` of the PettingZoo ``ParallelEnv``.
        summary: one line for ``--list``.
        scripted: ``"module:Class"`` of its scripted expert, or None.
        random: ``"module:Class"`` of its random team, or None.
        blind: ``"module:Class"`` of the best team that looks at nothing but the clock, or None.
        score_range: ``"module:function"`` of the returns of scores 0 and 1 where they are known:
            called with the environment's options, it gives the pair, or None where there is no
            score. Without it they are measured: the random and the scripted team's.
        novice: ``"module:Class"`` of the scripted agent that makes demonstrations for pretrained
            models (:mod:`colllm_bench.warm_start`), right less often than not; or None.
        demonstrations: ``"module:function"`` that yields chat transcripts, the corpus of the
            built-in model for this environment, or None.
        pretrain: settings that its built-in model is made with, where they differ from the
            defaults of :class:`colllm_bench.models.pretraining.PretrainConfig`.
        masters: the same as ``demonstrations``, of centralized controllers alone: the corpus of a
            second built-in model, which centralized execution loads; None: it loads the first.
        pretrain_masters: as ``pretrain``, for that model.
        action_tokens: longest action of the built-in model in tokens, the end token included;
            None: short orders (:data:`colllm_bench.setup.resolve.BUILT_IN_ACTION_TOKENS`).
        full_action_tokens: the same for other models, which read the ``full`` style; None:
            :data:`colllm_bench.setup.resolve.DEFAULT_ACTION_TOKENS`.
        guarded_options: options that open a file, load a model or weaken a jail, each with the
            values that a submission may have: a verifier runs no others.
        version: versions the id: ``strategy`` with 0 is ``strategy_v0``.
    """

    name: str
    entry: str
    summary: str = ""
    scripted: str | None = None
    random: str | None = None
    blind: str | None = None
    novice: str | None = None
    score_range: str | None = None
    demonstrations: str | None = None
    pretrain: dict[str, Any] = field(default_factory=dict)
    masters: str | None = None
    pretrain_masters: dict[str, Any] = field(default_factory=dict)
    action_tokens: int | None = None
    full_action_tokens: int | None = None
    guarded_options: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    version: int = 0

    @property
    def id(self) -> str:
        return f"{self.name}_v{self.version}"


@dataclass(frozen=True)
class AlgorithmSpec:
    """An algorithm under a name.

    Attributes:
        name: short name, as in ``--algo cc``.
        entry: ``"module:Class"`` of its ``Algorithm``.
        summary: one line for ``--list``.
        options: ``"module:Class"`` of its options where that costs no torch; None: the class's
            ``Options``.
        centralized_execution: the class's, where that must be known without torch.
    """

    name: str
    entry: str
    summary: str = ""
    options: str | None = None
    centralized_execution: bool = False


CENTRAL = "_central"
"""Behind an environment's name: the folder of its built-in controller."""


@dataclass(frozen=True)
class ModelSpec:
    """A model that ships with the package: a folder an environment under ``path`` (relative to
    the package); ``general`` names the one for environments that have none of their own."""

    name: str
    path: str
    general: str
    summary: str = ""

    def folder(self, env: str | None = None, *, central: bool = False) -> Path:
        """Where the model for ``env`` (a name of :data:`ENVS`) lies, or the general one.

        Args:
            central: for the controller of centralized execution: its own model, where there is one.
        """
        root = Path(__file__).parents[1] / self.path
        names = [env or self.general, self.general]
        names = [f"{names[0]}{CENTRAL}"] * central + names
        folders = [root / name for name in names]
        whole = [folder for folder in folders if (folder / "config.json").is_file()]
        return next(iter(whole), folders[-1])
