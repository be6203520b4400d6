"""The built-in model: how it is made, and the one that ships."""

import hashlib
from pathlib import Path

import pytest

import colllm_bench
from colllm_bench import cli, pretrain, registry
from colllm_bench.envs.credit.text import WORDS
from colllm_bench.envs.strategy import rules
from colllm_bench.errors import ConfigError
from colllm_bench.models import pretraining
from colllm_bench.models.base_files import find_source

SHORT = pretraining.PretrainConfig(
    steps=3, batch=4, longest=200, layers=1, tokenizer_chats=40, vocab=512
)
SHIPPED = registry.MODELS["tiny"].folder("strategy")
OWN = [spec.name for spec in registry.ENVS.values() if spec.demonstrations]


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(SHIPPED)


def test_equal_settings_give_equal_bytes_and_another_seed_others(tmp_path, capsys):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        options = {**vars(SHORT), "seed": seed}
        pretrain.make(pretraining.PretrainConfig(**options), tmp_path / name)
    first, second, third = (digests(tmp_path / name) for name in "abc")
    assert first == second
    assert first["model.safetensors"] != third["model.safetensors"]
    assert "Beautiful" not in capsys.readouterr().out  # the prose it reads is not printed


def test_a_model_of_other_sizes_loads_like_any_other(tmp_path):
    from transformers import AutoModelForCausalLM

    assert pretrain.main([
        "--out", str(tmp_path / "m"), "--steps", "2", "--batch", "2", "--longest", "120",
        "--hidden", "32", "--layers", "1", "--tokenizer-chats", "20", "--vocab", "400",
    ]) == 0
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "m")
    assert model.config.hidden_size == 32 and model.config.num_hidden_layers == 1
    assert "python -m colllm_bench.pretrain" in (tmp_path / "m" / "README.md").read_text()


def test_training_lowers_the_loss_of_what_the_model_writes(tmp_path):
    losses = []
    config = pretraining.PretrainConfig(
        steps=30, batch=4, longest=120, tokenizer_chats=40, vocab=512
    )
    tokenizer = pretraining.train_tokenizer(config)
    model = pretraining.build_model(config, tokenizer)
    pretraining.fit(config, model, tokenizer, lambda step, loss, seconds: losses.append(loss))
    assert losses[-1] < losses[0] - 0.5


def test_only_the_order_and_its_end_are_written_by_the_model(tokenizer):
    chat = [
        {"role": "system", "content": "front 1 of 3"},
        {"role": "user", "content": "left=9 road=2"},
        {"role": "assistant", "content": "march"},
    ]
    ids, wrote = pretraining.encode(tokenizer, chat, longest=100)
    assert tokenizer.decode(ids) == tokenizer.apply_chat_template(chat, tokenize=False)
    assert [tokenizer.decode(i) for i, own in zip(ids, wrote, strict=True) if own] == [
        "march", "<|end|>",
    ]


def test_an_environment_without_demonstrations_gives_no_corpus(monkeypatch):
    monkeypatch.setitem(registry.ENVS, "bare", registry.EnvSpec("bare", "m:C"))
    with pytest.raises(ConfigError, match="demonstrations.*strategy"):
        pretraining.settings("bare")
    assert cli.execute(pretrain.main, ["--env", "bare"]) == 2
    assert cli.execute(pretrain.main, ["--env", "stratgy"]) == 2


def test_an_environment_without_a_model_of_its_own_gets_the_general_one():
    assert registry.MODELS["tiny"].folder("rendezvous") == SHIPPED
    assert registry.MODELS["tiny"].folder() == SHIPPED


@pytest.mark.parametrize("env", OWN)
def test_the_shipped_model_is_small_and_its_card_names_the_command(env):
    from transformers import AutoModelForCausalLM

    folder = registry.MODELS["tiny"].folder(env)
    assert folder.name == env
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert 30_000 <= sum(p.numel() for p in model.parameters()) <= 500_000
    assert sum(p.stat().st_size for p in folder.iterdir()) <= 5 * 2**20
    card = (folder / "README.md").read_text()
    assert f"python -m colllm_bench.pretrain --env {env}`" in card
    for key, value in vars(pretraining.settings(env)).items():
        assert f"| {key} | {value} |" in card, "the shipped model was made with other settings"


@pytest.mark.parametrize("words", ["é — 漢字 🙂", "<b>not & markup</b>\n\ttab", "a=b army=77"])
def test_any_text_comes_back_whole(tokenizer, words):
    assert tokenizer.decode(tokenizer.encode(words, add_special_tokens=False)) == words


def test_brief_observations_and_orders_are_a_token_a_word(tokenizer):
    env = colllm_bench.make("strategy", agents=3)
    observations, _ = env.reset(seed=0)
    for order in rules.ORDERS:
        assert len(tokenizer.encode(order)) == 1
        observations, *_ = env.step({agent: order for agent in env.agents})
        for seen in observations.values():
            assert len(tokenizer.encode(seen["text"])) == len(seen["text"].split())


def test_words_of_the_classic_games_are_a_token_each():
    from transformers import AutoTokenizer

    from colllm_bench.envs.classic.games import GAMES

    tokens = AutoTokenizer.from_pretrained(registry.MODELS["tiny"].folder("classic")).encode
    for game in GAMES.values():
        texts = [f"{game.name} agent=1 of=2 turns={game.default}", "left=1 start", *game.actions]
        # After "over" nobody acts; the second of staghunt's states is two tokens.
        texts += [f"left=1 {seen}" for seen in game.seen if seen not in ("over", "state=b")]
        for text in texts:
            assert len(tokens(text, add_special_tokens=False)) == len(text.split()), text


def test_a_model_that_is_there_is_not_overwritten(capsys, tmp_path):
    before = {path: path.read_bytes() for path in Path(SHIPPED).iterdir()}
    assert cli.execute(pretrain.main, ["--env", "strategy", "--steps", "1"]) == 2
    assert "holds a model; fix: --out FOLDER, or --replace" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path(SHIPPED).iterdir()} == before


# -- a model of a controller alone


@pytest.mark.parametrize(("env", "known"), [("strategy", rules.ORDERS), ("credit", WORDS)])
def test_a_controller_is_cloned_from_controllers_alone(env, known):
    config = pretraining.settings(env, player="controller")
    assert config.steps == registry.ENVS[env].pretrain_masters["steps"]
    chat = next(pretraining.corpus(config, 0))
    agents = int(chat[0]["content"].split()[2])
    assert chat[0]["content"].startswith("master of ") and agents >= 2
    lines = chat[2]["content"].split("\n")
    assert [line.split(": ")[0] for line in lines] == [str(k + 1) for k in range(agents)]
    assert {line.split(": ")[1] for line in lines} <= set(known)


def test_an_environment_without_controllers_has_no_such_corpus():
    with pytest.raises(ConfigError, match="'writing' has no demonstrations of a controller"):
        pretraining.settings("writing", player="controller")
    with pytest.raises(ConfigError, match="player='master'; allowed: 'agent', 'controller'"):
        pretraining.settings("strategy", player="master")


def test_a_controllers_model_is_found_where_there_is_one(tmp_path, monkeypatch):
    spec = registry.MODELS["tiny"]
    assert spec.folder("writing", central=True) == spec.folder("writing")
    for name in ("strategy", "strategy_central", "writing"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    own = registry.ModelSpec("tiny", str(tmp_path), "strategy")
    monkeypatch.setitem(registry.MODELS, "tiny", own)
    assert find_source("tiny", "strategy", central=True) == str(tmp_path / "strategy_central")
    assert find_source("tiny", "strategy") == str(tmp_path / "strategy")
    assert find_source("tiny", "writing", central=True) == str(tmp_path / "writing")
