"""Every field of a turn is written by the function that its docstring names, and by no other."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from dataclasses import fields

import fake_vllm
import pytest
from paths import ROOT
from tiny_envs import tiny_config

from colllm_bench.cli.field_docs import field_docs
from colllm_bench.training.trainer import Trainer
from colllm_bench.types import Trajectory, Turn


def named(text: str) -> set[str]:
    """The functions that a docstring names: "Written by ``x.f``, then ``x.g``"."""
    sentence = text[re.search(r"Written by\s+``", text).start():]
    return {name.split(".")[-1] for name in re.findall(r"``([\w.]+)``", sentence)}


@pytest.fixture(scope="module")
def writers(tmp_path_factory, tokenizer):
    """{field: functions that wrote it} in two iterations of ``mc`` (with another engine) and of
    the others (with replay)."""
    from random_models import make_config, make_model

    folder = tmp_path_factory.mktemp("llama")
    make_model(make_config("Llama", max_position_embeddings=1024)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    written: dict[str, set[str]] = defaultdict(set)
    plain = {cls: cls.__setattr__ for cls in (Turn, Trajectory)}

    def watch(self, name, value):
        writer = sys._getframe(1).f_code.co_name
        if writer != "__init__":  # the dataclass's own, with the defaults
            written[name].add(writer)
        plain[type(self)](self, name, value)

    patch = pytest.MonkeyPatch()
    fake_vllm.install(patch)
    for cls in plain:
        patch.setattr(cls, "__setattr__", watch)
    try:
        for algo in ("cc", "mc", "seq", "hier"):
            options = {"turns": 2, "cut": True}
            others = {"mc": {"rollouts": "vllm"}}.get(algo, {"replay": 2})
            trainer = Trainer(tiny_config(str(folder), algo, env_options=options, **others))
            for iteration in range(2):
                trainer.learn(trainer.play(iteration), iteration)
    finally:
        patch.undo()
    return written


@pytest.mark.parametrize("field", [field.name for field in fields(Turn)])
def test_the_docstring_of_a_turns_field_names_its_writer(writers, field):
    if field == "observation":  # given to the constructor
        assert named(field_docs(Turn)[field].text) == {"_next_turns"}
    else:
        assert writers[field] == named(field_docs(Turn)[field].text)


@pytest.mark.parametrize("field", ["final_prompt_ids", "final_value"])
def test_the_docstring_of_a_trajectorys_end_names_its_writer(writers, field):
    assert writers[field] == named(field_docs(Trajectory)[field].text)


def test_the_architecture_page_has_the_same_table():
    page = (ROOT / "docs" / "architecture.md").read_text()
    table = page.partition("<!-- life of a turn: begin -->")[2].partition("<!-- end -->")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.M))
    assert rows.keys() == {field.name for field in fields(Turn)}
    for name, writer in rows.items():
        names = {word.split(".")[-1] for word in re.findall(r"`([\w.]+)`", writer)}
        assert names == named(field_docs(Turn)[name].text), name
