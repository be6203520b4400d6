"""Templates in the shapes of the common families: the pieces join to the whole conversation."""

from __future__ import annotations

import datetime

import pytest
from chat_templates import FAMILIES, LLAMA3, make_chat_tokenizer, tokenizer_of

from colllm_bench.errors import ConfigError
from colllm_bench.models.prompts import PromptBuilder

DAY = datetime.date(2026, 1, 2)
PAIRS = [("you see 3 soldiers", "go right"), ("2 guards\n\nat the  gate", "hold"), ("é", "scout")]
KINDS = ["bytes", "first", "always"]


def messages_of(prompts, instructions, pairs):
    """What a user of the template would pass."""
    messages = []
    for turn, (observation, action) in enumerate(pairs):
        if turn == 0 and instructions and prompts.template.system:
            messages.append({"role": "system", "content": instructions})
        elif turn == 0 and instructions:
            observation = f"{instructions}\n\n{observation}"
        messages.append({"role": "user", "content": observation})
        messages.append({"role": "assistant", "content": action})
    return messages[:-1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("ended", [True, False])
def test_pieces_equal_the_whole_conversation(family, kind, ended):
    """Token by token, for three turns; the texts are not those of the self-test."""
    tokenizer = make_chat_tokenizer(family, kind)
    prompts = PromptBuilder(tokenizer, date=DAY)
    header, once = prompts.template.header, prompts.template.generation_only

    def whole(turns):
        text = prompts.template.render(messages_of(prompts, "you are north", PAIRS[:turns]))
        for _, action in PAIRS[: turns - 1]:  # each generation prompt stays in the transcript
            text = text.replace(header + action, once + header + action)
        return text

    def encoded(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    mark = encoded(prompts.template.end_mark)[-1]
    ids = prompts.first_turn("you are north", PAIRS[0][0])
    assert ids == encoded(whole(1))
    for turn in (1, 2):
        spoken = encoded(whole(turn) + header + PAIRS[turn - 1][1])
        assert spoken[: len(ids)] == ids
        ids = spoken + ([mark] if ended else [])
        ids += prompts.next_turn(PAIRS[turn][0], ended=ended)
        assert ids == encoded(whole(turn + 1))


def test_which_families_take_a_system_message():
    system = {f: PromptBuilder(make_chat_tokenizer(f), date=DAY).template.system for f in FAMILIES}
    without = {"gemma", "mistral", "mistral-last"}
    assert {family for family, has in system.items() if not has} == without


@pytest.mark.parametrize("kind", KINDS)
def test_every_end_id_of_the_model_ends_an_action(kind):
    tokenizer = make_chat_tokenizer("llama3", kind)
    second = tokenizer.convert_tokens_to_ids("<|end_of_text|>")
    prompts = PromptBuilder(tokenizer, end_ids=[second], date=DAY)
    eot = tokenizer.convert_tokens_to_ids("<|eot_id|>")
    assert prompts.end_ids == {eot, second} and prompts.end_id == eot
    hold = tokenizer(" hold", add_special_tokens=False)["input_ids"]
    assert prompts.text([*hold, second]).strip() == "hold"


def test_an_end_mark_is_a_special_token():
    """Gemma's newlines are tokens of their own, and end nothing."""
    template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n<end>{% endfor %}"
    tokenizer = tokenizer_of(template, special=["<end>"], added=["\n", "\n\n"])
    prompts = PromptBuilder(tokenizer)
    assert prompts.template.end_mark == "<end>"
    newline = tokenizer.convert_tokens_to_ids("\n")
    assert newline not in prompts.end_ids


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mark", ["</think>", "<tool_call>", "<|im_end|>", "<<|im_end|>>"])
def test_an_observation_cannot_hold_control_tokens(mark, kind):
    """Neither special tokens nor added tokens that are not special."""
    tokenizer = make_chat_tokenizer("qwen3", kind)
    prompts = PromptBuilder(tokenizer)
    control = {i for i, t in tokenizer.added_tokens_decoder.items() if str(t).startswith("<")}
    control.discard(tokenizer.unk_token_id)
    text = f"3 guards {mark} at the gate{mark}"
    for make in (lambda x: prompts.first_turn(x, x), lambda x: prompts.next_turn(x, ended=True)):
        ids, plain = make(text), make("3 guards")
        assert [i for i in ids if i in control] == [i for i in plain if i in control]
        assert mark in tokenizer.decode(ids)


def test_what_the_tokenizer_has_for_white_space_is_no_markup():
    tokenizer = make_chat_tokenizer("gemma")
    prompts = PromptBuilder(tokenizer)
    ids = prompts.next_turn("a\n\nb", ended=True)
    assert tokenizer.convert_tokens_to_ids("\n\n") in ids


def test_dates_are_the_runs_own():
    tokenizer = make_chat_tokenizer("llama3")
    one, same, other = (
        PromptBuilder(tokenizer, date=date).first_turn("rules", "3 guards")
        for date in (DAY, DAY, datetime.date(2027, 12, 31))
    )
    assert one == same != other
    assert "Today Date: 02 Jan 2026\n" in tokenizer.decode(one)
    assert "Today Date: 31 Dec 2027\n" in tokenizer.decode(other)
    harmony = make_chat_tokenizer("harmony")
    text = harmony.decode(PromptBuilder(harmony, date=DAY).first_turn("", "3 guards"))
    assert "Current date: 2026-01-02\n" in text
    assert tokenizer.chat_template == LLAMA3  # what is saved with a team


def test_a_thought_that_the_template_opens():
    opened = {f for f in FAMILIES if PromptBuilder(make_chat_tokenizer(f)).template.opens_thought}
    assert opened == {"deepseek"}


def test_of_channels_the_final_one_acts():
    tokenizer = make_chat_tokenizer("harmony")
    prompts = PromptBuilder(tokenizer, date=DAY)
    name = tokenizer.convert_tokens_to_ids
    assert prompts.end_ids == {name("<|return|>")}  # <|end|> ends a thought too
    call = PromptBuilder(tokenizer, end_ids=[name("<|call|>")], date=DAY)
    assert call.end_ids == {name("<|return|>"), name("<|call|>")}

    def ids(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    thought = "<|channel|>analysis<|message|>attack or hold?<|end|><|start|>assistant"
    final = "<|channel|>final<|message|>hold"
    assert prompts.text(ids(f"{thought}{final}<|return|>")) == "hold"
    assert prompts.text(ids(f"{final}<|return|>")) == "hold"
    assert prompts.text(ids(thought)) == ""


def test_pieces_that_do_not_join_are_refused_in_one_line():
    counted = (
        "{% for m in messages %}{{ loop.length }}{{ m['role'] }}: {{ m['content'] }}<end>"
        "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
    )
    with pytest.raises(ConfigError, match="cannot be cut into turns") as caught:
        PromptBuilder(tokenizer_of(counted, special=["<end>"]))
    assert "\n" not in str(caught.value) and "--chat-template" in str(caught.value)


def test_decoding_stops_at_every_end_id(tmp_path):
    """``generation_config.eos_token_id`` lists two, and the template writes neither."""
    import torch
    from helpers import build_team
    from random_models import make_config, make_model

    tokenizer = make_chat_tokenizer("llama3")
    first, second = tokenizer.convert_tokens_to_ids(["<|end_of_text|>", "<|begin_of_text|>"])
    model = make_model(make_config("Llama", vocab_size=400))
    model.generation_config.eos_token_id = [first, second]
    with torch.no_grad():  # one of the two, whatever was before
        model.lm_head.weight.zero_()
        model.lm_head.weight[first], model.lm_head.weight[second] = 1.0, -1.0
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    team = build_team(str(tmp_path), 1)
    assert team.prompts.end_ids == {first, second, tokenizer.eos_token_id}
    session = team.session(
        50, generator=torch.Generator().manual_seed(0), temperature=0.0, max_action_tokens=40
    )
    actions = session.generate([team.prompts.first_turn("", "hold")] * 50)
    assert {ids[0] for ids, _ in actions} & {first, second}
    assert all(len(ids) == 1 for ids, _ in actions)


@pytest.mark.parametrize(
    "family,written,acted",
    [
        ("deepseek", "3 guards?</think>hold", "hold"),
        ("deepseek", "3 guards? still think", ""),  # the template opened the thought
        ("qwen3", "<think>3 guards?</think>\n\nhold", "hold"),
        ("qwen3", "<think>3 guards?", ""),
        ("qwen3", "hold", "hold"),
        ("harmony", "<|channel|>analysis<|message|>attack<|end|>"
                    "<|start|>assistant<|channel|>final<|message|>hold", "hold"),
    ],
)
def test_thoughts_are_sampled_but_are_no_action(family, written, acted):
    from types import SimpleNamespace

    from colllm_bench.teams.language_model import LanguageModelTeam

    tokenizer = make_chat_tokenizer(family)
    team = SimpleNamespace(prompts=PromptBuilder(tokenizer, date=DAY))
    player = LanguageModelTeam(team, temperature=1.0, max_action_tokens=40)
    ids = tokenizer(written, add_special_tokens=False)["input_ids"]
    assert player._answer([*ids, tokenizer.eos_token_id]) == acted


def brackets(content, system=None):
    """A template of ``[role]`` headers, a message's content written as ``content``."""
    return (
        "{% for m in messages %}{% if m['role'] == 'system' %}"
        f"[system]{{{{ {system or content} }}}}{{% else %}}[{{{{ m['role'] }}}}]"
        f"{{{{ {content} }}}}{{% endif %}}<end>{{% endfor %}}"
        "{% if add_generation_prompt %}[assistant]{% endif %}"
    )


@pytest.mark.parametrize("content", ["m['content'].lstrip()", "m['content'].rstrip()",
                                     "m['content'].strip()", "m['content']"])
@pytest.mark.parametrize("system", ["m['content'] | trim", "m['content'].rstrip()",
                                    "m['content']", "raise_exception('no system role')"])
def test_white_space_goes_where_the_template_trims_it(content, system):
    tokenizer = tokenizer_of(brackets(content, system), special=["<end>"])
    prompts = PromptBuilder(tokenizer)
    for instructions in (" be quick \n", "rules"):
        for observation in (" 3 guards\n", "\n", "2"):
            messages = messages_of(prompts, instructions, [(observation, "")])
            whole = tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
            assert tokenizer.decode(prompts.first_turn(instructions, observation)) == whole


@pytest.mark.parametrize("content", [
    "m['content'] | e", "m['content'] | tojson", "m['content'].split() | join(' ')",
    "m['content'].split('\\n')[0]", "m['content'] | replace('<', '[')",
])
def test_templates_that_rewrite_contents_are_refused(content):
    with pytest.raises(ConfigError, match="changes the text of messages"):
        PromptBuilder(tokenizer_of(brackets(content), special=["<end>"]))


def test_several_templates_without_a_default_are_refused():
    tokenizer = tokenizer_of({"chat": brackets("m['content']"), "tools": "x"}, special=["<end>"])
    with pytest.raises(ConfigError, match=r"has several chat templates \(chat, tools\)"):
        PromptBuilder(tokenizer)


def test_every_directive_of_a_date():
    letters = "aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyYzZ%"
    formats = "|".join(f"%{letter}" for letter in letters)
    template = f"{{{{ strftime_now('{formats}') }}}}" + brackets("m['content']")
    prompts = PromptBuilder(tokenizer_of(template, special=["<end>"]), date=DAY)
    midnight = datetime.datetime.combine(DAY, datetime.time())
    text = prompts.template.render([{"role": "user", "content": "x"}])
    assert text.partition("[user]")[0] == midnight.strftime(formats)
