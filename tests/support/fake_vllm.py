"""A stand-in for the package vllm: its interface, on transformers and PEFT alone.

It knows nothing of this project: the base comes from ``from_pretrained``, adapters from the folders
of ``LoRARequest``s, every token from a pass over the whole sequence. It refuses what vLLM refuses:
unknown arguments, an adapter id that comes back with another path, more adapters in a batch than
``max_loras``, a wider one than ``max_lora_rank``, and requests while it sleeps.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from dataclasses import dataclass, field

import torch


@dataclass
class SamplingParams:
    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop_token_ids: list[int] = field(default_factory=list)
    ignore_eos: bool = False
    max_tokens: int | None = 16
    logprobs: int | None = None
    detokenize: bool = True


@dataclass(frozen=True)
class LoRARequest:
    lora_name: str
    lora_int_id: int
    lora_path: str

    def __post_init__(self):
        assert self.lora_int_id > 0 and self.lora_name and self.lora_path


@dataclass
class Logprob:
    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


@dataclass
class CompletionOutput:
    index: int
    text: str
    token_ids: list[int]
    cumulative_logprob: float | None
    logprobs: list[dict[int, Logprob]] | None
    finish_reason: str | None = None


@dataclass
class RequestOutput:
    request_id: str
    prompt_token_ids: list[int]
    outputs: list[CompletionOutput]
    lora_request: LoRARequest | None = None
    finished: bool = True


class LLM:
    """One engine. ``made`` lists all, ``noise`` moves the logits of the next ones."""

    made: list[LLM] = []
    noise = 0.0

    def __init__(
        self, model, *, tokenizer=None, skip_tokenizer_init=False, trust_remote_code=False,
        dtype="auto", seed=0, gpu_memory_utilization=0.9, max_model_len=None, enable_lora=False,
        max_loras=1, max_lora_rank=16, enable_prefix_caching=None, enable_sleep_mode=False,
        logprobs_mode="raw_logprobs",
    ):
        from transformers import AutoModelForCausalLM

        assert skip_tokenizer_init and enable_lora and logprobs_mode == "processed_logprobs"
        assert 0 <= seed < 2**32 and 0 < gpu_memory_utilization <= 1
        self.max_model_len, self.max_loras, self.max_lora_rank = (
            max_model_len, max_loras, max_lora_rank)
        self.dtype, self.asleep, self.sleep_mode = dtype, False, enable_sleep_mode
        self._load = lambda: AutoModelForCausalLM.from_pretrained(
            model, dtype=getattr(torch, dtype)).eval()
        self._adapters: dict[int, tuple[str, torch.nn.Module]] = {}
        self._noise = type(self).noise
        self.requests: list[tuple[list[int], LoRARequest, SamplingParams]] = []
        type(self).made.append(self)

    def sleep(self, level=1):
        assert self.sleep_mode and level in (1, 2)
        self.asleep = True

    def wake_up(self, tags=None):
        self.asleep = False

    def generate(self, prompts, sampling_params=None, *, use_tqdm=True, lora_request=None):
        assert not self.asleep, "the engine sleeps"
        assert len(prompts) == len(sampling_params) == len(lora_request)
        assert len({request.lora_int_id for request in lora_request}) <= self.max_loras
        rows = list(zip(prompts, sampling_params, lora_request))
        return [self._answer(k, *row) for k, row in enumerate(rows)]

    def _model(self, request):
        from peft import PeftModel

        path, model = self._adapters.get(request.lora_int_id, (None, None))
        if model is None:
            model = PeftModel.from_pretrained(self._load(), request.lora_path).eval()
            assert model.peft_config["default"].r <= self.max_lora_rank
            self._adapters[request.lora_int_id] = (request.lora_path, model)
        assert path in (None, request.lora_path), "an id stands for one adapter"
        return model

    @torch.no_grad()
    def _answer(self, number, prompt, params, request):
        assert set(prompt) == {"prompt_token_ids"} and params.logprobs == 0 and params.ignore_eos
        assert all(type(i) is int for i in prompt["prompt_token_ids"])
        self.requests.append((list(prompt["prompt_token_ids"]), request, params))
        model, ids = self._model(request), list(prompt["prompt_token_ids"])
        random = torch.Generator().manual_seed(params.seed)
        written, logprobs, reason = [], [], "length"
        while len(written) < params.max_tokens:
            if self.max_model_len is not None:
                assert len(ids) < self.max_model_len
            logits = model(input_ids=torch.tensor([ids])).logits[0, -1].float()
            logits = logits + self._noise * torch.sin(torch.arange(len(logits)) * 1.7 + len(ids))
            scores = torch.log_softmax(logits / (params.temperature or 1.0), -1)
            token = int(scores.argmax()) if params.temperature == 0 else int(
                torch.multinomial(scores.exp(), 1, generator=random))
            ids.append(token)
            written.append(token)
            logprobs.append({token: Logprob(float(scores[token]))})
            if token in params.stop_token_ids:
                reason = "stop"
                break
        done = CompletionOutput(0, "", written, None, logprobs, reason)
        return RequestOutput(str(number), prompt["prompt_token_ids"], [done], request)


def install(monkeypatch) -> type[LLM]:
    """Put it in the place of vllm; a class of engines of its own for the test."""
    engines = type("LLM", (LLM,), {"made": [], "noise": 0.0})
    names = {
        "vllm": {"LLM": engines, "SamplingParams": SamplingParams},
        "vllm.lora": {},
        "vllm.lora.request": {"LoRARequest": LoRARequest},
    }
    for name, content in names.items():
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return engines
