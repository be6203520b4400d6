"""Texts from files in the published formats, and what is said of bad ones."""

from __future__ import annotations

import gzip
import json
import sys
from types import SimpleNamespace

import pytest

from colllm_bench import cli, run
from colllm_bench.envs.splits import SPLITS, split_of
from colllm_bench.envs.writing import datasets
from colllm_bench.envs.writing.env import WritingEnv
from colllm_bench.errors import ConfigError

POSTS = [
    {"prompt": f"SUBREDDIT: r/test\n\nTITLE: Post {k}\n\nPOST: My neighbor took my ladder {k} "
               "weeks ago. I asked for it twice. He says that he never had it.\n\nTL;DR:",
     "completion": " Neighbor keeps ladder."}
    for k in range(40)
]  # fmt: skip
ABSTRACTS = [
    {"article_id": str(k), "abstract_text": f"We study problem {k}. We prove a bound. It is tight.",
     "token_count": 12}
    for k in range(40)
]  # fmt: skip


def write(path, rows) -> str:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8")
    return str(path)


def test_a_file_that_has_changed_is_read_again(tmp_path):
    path = write(tmp_path / "posts.jsonl", POSTS)
    before = datasets.sources("summary", path, "train").texts
    write(tmp_path / "posts.jsonl", [{"prompt": f"Other {k}"} for k in range(40)])
    after = datasets.sources("summary", path, "train").texts
    assert before and after and not set(before) & set(after)


def test_a_text_without_a_letter_is_none(tmp_path):
    path = write(tmp_path / "posts.jsonl", [{"prompt": " \u200b "}, *POSTS])
    with pytest.raises(ConfigError, match="line 1: no text under 'prompt'"):
        datasets.sources("summary", path, "train")


@pytest.mark.parametrize(
    "task, rows, field",
    [("summary", POSTS, "prompt"), ("introduction", ABSTRACTS, "abstract_text")],
)
def test_files_in_the_published_formats(tmp_path, task, rows, field):
    data = write(tmp_path / "data.jsonl", rows)
    drawn = {}
    for split in SPLITS:
        env = WritingEnv(agents=2, task=task, data=data, split=split)
        drawn[split] = {env.source for seed in range(200) if env.reset(seed=seed)}
        assert drawn[split] == {r[field] for r in rows if split_of(r[field]) == split}
        _, infos = env.reset(seed=0)
        assert env.source in infos["writer_1"]["instructions"]
    assert len(drawn["train"]) > len(drawn["eval"]) > 0


@pytest.mark.parametrize(
    "content, message",
    [
        ("{not json\n", "line 1: no JSON"),
        ('{"prompt": "a b c"}\n{"completion": "x"}\n', "line 2: no text under 'prompt'"),
        ('{"prompt": 7}\n', "line 1: no text under 'prompt'"),
        ('["prompt"]\n', "line 1: no text under 'prompt'"),
        ('{"abstract_text": "x"}\n', "task=introduction reads the other"),
        ("", "has 0 tasks"),
    ],
)
def test_bad_files_are_named_with_their_line(tmp_path, content, message):
    path = tmp_path / "bad.jsonl"
    path.write_text(content)
    with pytest.raises(ConfigError) as error:
        WritingEnv(agents=2, task="summary", data=str(path))
    assert message in str(error.value) and str(path) in str(error.value)


def test_files_that_are_not_there_or_no_text(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        WritingEnv(agents=2, task="summary", data=str(tmp_path / "none.jsonl"))
    (tmp_path / "raw").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="no UTF-8"):
        WritingEnv(agents=2, task="summary", data=str(tmp_path / "raw"))
    with pytest.raises(ConfigError, match="data=3"):
        WritingEnv(agents=2, task="summary", data=3)


def test_the_hub_needs_datasets_and_says_so(monkeypatch):
    datasets._from_hub.cache_clear()
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match="pip install datasets"):
        WritingEnv(agents=2, task="summary", data="hub")


def test_the_hub_where_there_is_a_network(monkeypatch):
    datasets._from_hub.cache_clear()
    asked = []

    def load_dataset(name, split):
        asked.append((name, split))
        return POSTS

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    env = WritingEnv(agents=2, task="summary", data="hub")
    env.reset(seed=0)
    assert asked == [("trl-lib/tldr", "train[:5000]")] and env.source.startswith("SUBREDDIT")
    datasets._from_hub.cache_clear()

    def fails(name, split):
        raise OSError("no route")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=fails))
    with pytest.raises(ConfigError, match="cannot be loaded: no route"):
        WritingEnv(agents=2, task="summary", data="hub")


def test_the_command_line_takes_task_and_data(tmp_path):
    data = write(tmp_path / "posts.jsonl", POSTS)
    args = run.parser().parse(["--env", "writing", "--task", "summary", "--data", data])
    config, _ = cli.build_config(args, run.RUN_OPTIONS)
    assert config.env_options == {"task": "summary", "data": data}


@pytest.mark.parametrize("form", ["array", "bom", "gz", "separators", "surrogates"])
def test_every_form_of_file_is_read(tmp_path, form):
    odd = {"separators": "a\u2028b\x85c ", "surrogates": "\ud83d "}.get(form, "")
    rows = [{**row, "prompt": odd + row["prompt"]} for row in POSTS]
    lines = "\n".join(json.dumps(row, ensure_ascii=form == "surrogates") for row in rows)
    data = {
        "array": json.dumps(rows, indent=1).encode(), "bom": b"\xef\xbb\xbf" + lines.encode(),
        "gz": gzip.compress(lines.encode()),
    }.get(form, lines.encode())
    path = tmp_path / "data.jsonl"
    path.write_bytes(data)
    texts = {WritingEnv(agents=2, task="summary", data=str(path), split=split).sources.texts
             for split in SPLITS}
    assert sum(map(len, texts)) == len(POSTS)
    assert all(text == text.encode().decode() for part in texts for text in part)
