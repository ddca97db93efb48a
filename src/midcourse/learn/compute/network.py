"""A causal language model as the losses see it: log-probabilities of the targets of a batch.

The decoder runs once over the packed sequence; only supervised rows go through the LM head, in chunks, so that logits
for a whole sequence never exist.

Four ways of running the decoder, from fast to certain (`check.py` chooses):
- `flex`: FlexAttention, compiled, which knows who sees whom; on GPUs;
- `tree`: our attention function, which knows who sees whom;
- `mask`: the model's own attention under a dense mask, for models that don't take an attention function;
- `rows`: one plain causal sequence a segment, for layers that no mask isolates (state space, linear attention).

The head is the model's own forward pass with its decoder standing in for hidden states that we already have, so scaling
and soft-capping of logits come out as the model does them.

Legend: N rows, R supervised rows, T targets, D hidden size, V vocabulary, C rows of a chunk.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from midcourse.learn.batch import Batch, dense_mask
from midcourse.learn.cluster.sharding import inside
from midcourse.learn.compute import rows
from midcourse.learn.compute.attention import tree_attention
from midcourse.learn.compute.head import frozen_logp
from midcourse.learn.compute.recompute import recomputed
from midcourse.models.adapter_layers import switched_off

Way = Literal["flex", "tree", "mask", "rows"]
CHUNK_ELEMENTS = 1 << 24  # logits of a chunk: 64 MiB in float32; with fewer rows the matrix product is slower


class Output(NamedTuple):
    """`logp_T`: log-probability of each target, float32 or better, predicted from `hidden_RD[index_T[t]]`."""

    logp_T: Tensor
    hidden_RD: Tensor
    index_T: Tensor


class Network:
    """A `PreTrainedModel` or `PeftModel` and the way to run it. It changes nothing of the model for good."""

    def __init__(self, model: Any, way: Way = "tree") -> None:
        self.model = model
        self.causal: Any = model.get_base_model() if hasattr(model, "get_base_model") else model
        found = self.causal.get_decoder()
        self.decoder: Any = self.causal.model if found is self.causal else found  # Llama 4 says that it is its own
        self.config: Any = self.causal.config.get_text_config(decoder=True)
        self.way: Way = way
        self._plain: bool | None = None
        self.vocabulary: int = self.config.vocab_size

    @property
    def device(self) -> torch.device:
        """Where the token ids have to be."""
        embedding = self.causal.get_input_embeddings()
        embedding = getattr(embedding, "original_module", embedding)  # PEFT makes a matrix to be asked of this
        found: torch.device = embedding.weight.device
        return found

    def __call__(self, batch: Batch) -> Output:
        """Log-probabilities of all targets of `batch`, differentiable."""
        return inside(self.model, lambda: self._output(batch))

    def _output(self, batch: Batch) -> Output:
        if self.way == "rows":
            hidden_RD, index_T = self.hidden_by_rows(batch)
        else:
            hidden_RD, index_T = self.hidden(batch).index_select(0, batch.row_R), batch.index_T
        return Output(self.read(hidden_RD, index_T, batch.token_T), hidden_RD, index_T)

    def hidden(self, batch: Batch) -> Tensor:
        """The decoder's last hidden states over the packed sequence, (N, D)."""
        with self.attending():
            extra: dict[str, Any] = {"tree": batch.tree}
            if self.way == "mask":
                additive = self.decoder.config._attn_implementation == "eager"
                by_type = "dict)" in inspect.getsource(type(self.decoder).forward)
                dtype = self.causal.get_input_embeddings().weight.dtype
                mask = dense_mask(batch.tree, self.config, dtype=dtype, additive=additive, by_type=by_type)
                extra = {"attention_mask": mask}
            output = self.decoder(input_ids=batch.token_1N, position_ids=batch.position_1N, use_cache=False, **extra)
        hidden_ND: Tensor = output.last_hidden_state[0]
        return hidden_ND

    def hidden_by_rows(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The hidden state that predicts each target, (T, D), a plain sequence a segment; and the numbers 0 to T."""
        parts = [
            self.decoder(input_ids=ids_1L, use_cache=False).last_hidden_state[0].index_select(0, at_t)
            for ids_1L, at_t, _ in rows.inputs(batch)
        ]
        return torch.cat(parts), torch.arange(len(batch.token_T), device=batch.token_T.device)

    def logprobs_by_rows(self, batch: Batch) -> Tensor:
        """Log-probability of each target, (T,), differentiable, by the model's own forward pass over each sequence."""
        return inside(self.model, lambda: self._logprobs_by_rows(batch))

    def _logprobs_by_rows(self, batch: Batch) -> Tensor:
        parts = []
        picks = "logits_to_keep" in inspect.signature(type(self.causal).forward).parameters
        for ids_1L, at_t, token_t in rows.inputs(batch):
            if picks:
                logits_tV = self.causal(input_ids=ids_1L, use_cache=False, logits_to_keep=at_t).logits[0]
            else:
                logits_tV = self.causal(input_ids=ids_1L, use_cache=False).logits[0].index_select(0, at_t)
            logits_tV = logits_tV if logits_tV.dtype == torch.float64 else logits_tV.float()
            parts.append(logits_tV.log_softmax(-1).gather(-1, token_t[:, None])[:, 0])
        return torch.cat(parts)

    def attending(self) -> Any:
        """Inside, the decoder attends the way this network is run; also needed around a backward that recomputes."""
        if self.way in ("tree", "flex"):
            return tree_attention(self.decoder, self.way)
        return nullcontext()

    def read(self, hidden_RD: Tensor, index_T: Tensor, token_T: Tensor) -> Tensor:
        """Log-probability of `token_T[t]` after the hidden state `hidden_RD[index_T[t]]`."""
        size = max(1, CHUNK_ELEMENTS // self.vocabulary)
        if (head := self._plain_head()) is not None:
            return frozen_logp(hidden_RD, head.weight, head.bias, index_T, token_T, size)
        order_T = torch.argsort(index_T, stable=True)
        sorted_T, token_T = index_T[order_T], token_T[order_T]
        starts = torch.arange(0, len(hidden_RD) + size, size, device=index_T.device)
        bounds = torch.searchsorted(sorted_T, starts).tolist()
        parts = []
        for number, hidden_CD in enumerate(torch.split(hidden_RD, size)):
            here = slice(bounds[number], bounds[number + 1])
            arguments = (hidden_CD, sorted_T[here] - number * size, token_T[here])
            parts.append(recomputed(self._chunk, *arguments))
        back_T = torch.empty_like(order_T)
        back_T[order_T] = torch.arange(len(order_T), device=order_T.device)
        return torch.cat(parts)[back_T]

    def _plain_head(self) -> nn.Linear | None:
        """The output layer if it is frozen and its output is the logits: not capped, not scaled, not adapted."""
        head = self.causal.get_output_embeddings()
        if type(head) is not nn.Linear or head.weight.requires_grad:
            return None
        if self._plain is None:
            with torch.no_grad():
                hidden_2D = torch.linspace(-1, 1, 2 * head.in_features, device=head.weight.device).view(2, -1)
                hidden_2D = 1000 * hidden_2D.to(head.weight.dtype)  # far beyond any cap
                self._plain = torch.allclose(self.logits(hidden_2D), head(hidden_2D), rtol=1e-3, atol=1e-3)
        return head if self._plain else None

    def _chunk(self, hidden_CD: Tensor, index_T: Tensor, token_T: Tensor) -> Tensor:
        logits_CV = _widen(self.logits(hidden_CD))
        return logits_CV[index_T, token_T] - logits_CV.logsumexp(-1)[index_T]

    def kl(self, hidden_RD: Tensor, index_K: Tensor, ref_KD: Tensor, head: dict[str, Tensor] | None = None) -> Tensor:
        """KL(reference‖model) in nats at `hidden_RD[index_K[k]]`, the reference given by its hidden states `ref_KD`.

        `head` gives the reference's own output weights by name, where they are being trained.
        """
        if len(index_K) == 0:
            return hidden_RD.new_zeros(0, dtype=torch.float32)
        return inside(self.model, lambda: self._kl(hidden_RD, index_K, ref_KD, head))

    def _kl(self, hidden_RD: Tensor, index_K: Tensor, ref_KD: Tensor, head: dict[str, Tensor] | None) -> Tensor:
        size = max(1, CHUNK_ELEMENTS // self.vocabulary // 4)
        parts = []
        for hidden_CD, ref_CD in zip(torch.split(hidden_RD[index_K], size), torch.split(ref_KD, size), strict=True):
            parts.append(recomputed(self._kl_chunk, hidden_CD, ref_CD, head))
        return torch.cat(parts)

    def _kl_chunk(self, hidden_CD: Tensor, ref_CD: Tensor, head: dict[str, Tensor] | None) -> Tensor:
        adapted = hasattr(self.causal.get_output_embeddings(), "base_layer")
        with torch.no_grad(), switched_off(self.model) if adapted else nullcontext():
            ref_CV = _widen(self.logits(ref_CD, head)).log_softmax(-1)
        logp_CV = _widen(self.logits(hidden_CD)).log_softmax(-1)
        return (ref_CV.exp() * (ref_CV - logp_CV)).sum(-1)

    def logits(self, hidden_CD: Tensor, head: dict[str, Tensor] | None = None) -> Tensor:
        """The model's logits for hidden states that its decoder gave, (C, V); with `head`, under those weights."""
        dummy_1C = torch.zeros(1, len(hidden_CD), dtype=torch.long, device=hidden_CD.device)
        inputs = {"input_ids": dummy_1C, "use_cache": False}
        with _returning(self.decoder, hidden_CD[None]):
            output = functional_call(self.causal, head, (), inputs) if head else self.causal(**inputs)
        logits_CV: Tensor = output.logits[0]
        return logits_CV

    def head_weights(self) -> dict[str, Tensor]:
        """A copy of the output layer's weights, by their names in the model."""
        return inside(self.model, self._head_weights)

    def _head_weights(self) -> dict[str, Tensor]:
        head = self.causal.get_output_embeddings()
        return {
            f"{name}.{key}" if name else key: value.detach().clone()
            for name, module in self.causal.named_modules()
            if module is head
            for key, value in module.named_parameters(recurse=False)
        }


def _widen(logits_CV: Tensor) -> Tensor:
    """Log-probabilities are taken in float32 at least."""
    return logits_CV if logits_CV.dtype == torch.float64 else logits_CV.float()


class _Ready(tuple[Tensor]):
    """What a decoder returns, of any architecture: hidden states, and None for all that it might return besides."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[0] if name == "last_hidden_state" else None


@contextmanager
def _returning(decoder: nn.Module, hidden_1CD: Tensor) -> Iterator[None]:
    """Inside, `decoder` computes nothing and returns `hidden_1CD`."""
    assert "forward" not in vars(decoder), "somebody else stands in for the decoder"
    decoder.forward = lambda *_, **__: _Ready((hidden_1CD,))
    try:
        yield
    finally:
        del decoder.forward
