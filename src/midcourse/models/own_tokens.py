"""The special tokens that adapters bring, put where the model looks for them as one adapter or another is switched on.

PEFT keeps their embeddings in layers around the model's own, of which one adapter can make use; here they are taken out
of those, so that adapters with tokens, with others and without any stand beside each other on one model.

Representation: the matrix of input embeddings is as high as the tokens of any adapter need, and the rows of the adapter
that is on are written into it. The model's head is the first rows of its matrix (often the same one), as many as that
adapter has tokens: a view, which takes no memory, and no token is drawn that is not the adapter's.
Invariant: after `put(key)` the model computes what it does with that adapter alone, after `put(None)` what without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from midcourse.errors import ModelError
from midcourse.models.adapter_files import folder, shapes
from midcourse.models.adapter_layers import put_tokens

if TYPE_CHECKING:
    from torch import Tensor

    from midcourse.models.loaded import Loaded
    from midcourse.models.tokenizer import HFTokenizer


class _Own(NamedTuple):
    """An adapter's rows, parallel to their `ids`, in a vocabulary of `size`."""

    ids: Tensor
    rows: Tensor
    size: int


class OwnTokens:
    """The own tokens of the adapters of `loaded`, by PEFT's names for these. Nothing happens where none has any."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._own: dict[str, _Own] = {}
        self._kept: tuple[Tensor, Tensor] | None = None  # what stood where the adapter's rows are now
        self._input: Any = None  # matrices that are as high as it takes, once one adapter has tokens
        self._output: Any = None
        self._bias: Any = None
        self._tied = False
        self._size = 0  # of the model's own vocabulary

    def make_room(self, tokenizer: HFTokenizer, adapter: str) -> None:
        """Make the matrices high enough for `tokenizer`. Until `put` the model sees all of them, as PEFT has to.

        Raises `ModelError` where they are not plain.
        """
        embedding, head = self._modules(adapter)
        if self._input is None:
            self._size = self._loaded.own_vocabulary or embedding.weight.shape[0]
            self._input, self._tied = embedding.weight.data, head.weight is embedding.weight
            self._output = self._input if self._tied else head.weight.data
            self._bias = None if head.bias is None else head.bias.data
        if (size := len(tokenizer.tokenizer)) > self._input.shape[0]:
            self._input = _higher(self._input, size, self._size)
            self._output = self._input if self._tied else _higher(self._output, size, self._size)
            if self._bias is not None:
                self._bias = torch.cat([self._bias, self._bias.new_zeros(size - len(self._bias))])
            embedding.num_embeddings = size
            self._loaded.own_vocabulary = self._size
            self._loaded.model.config.get_text_config(decoder=True).vocab_size = size
        embedding.weight = _parameter(self._input)  # PEFT may have put a copy of it there
        self._see(len(self._input))

    def check(self, adapter: str) -> None:
        """Raises `ModelError` for an adapter that changes the matrices of which rows are exchanged here."""
        if self._input is None:
            return
        base = self._loaded.base
        both = self._modules(adapter)
        paths = [f"base_model.model.{name}." for name, module in base.named_modules() if module in both]
        names = [name for name in shapes(folder(adapter)) if "trainable_tokens_delta" not in name]
        if any(name.startswith(path) for name in names for path in paths):
            raise self._refusal(adapter)

    def take(self, key: str, tokenizer: HFTokenizer, adapter: str) -> None:
        """Take the tokens of an adapter out of PEFT's layers, if it has any; they are not on then.

        Raises `ModelError` where the model's embeddings are not plain, or the adapter has other tokens in its head.
        """
        from peft.utils.other import TrainableTokensWrapper

        base = self._loaded.base
        wrapped = [
            (name, module) for name, module in base.named_modules() if isinstance(module, TrainableTokensWrapper)
        ]
        if not wrapped:
            return
        embedding, _ = self._modules(adapter)
        [*others, layer] = [module.token_adapter for _, module in wrapped if not module.token_adapter.tied_adapter]
        if others or layer.get_base_layer() is not embedding:
            raise self._refusal(adapter)
        put_tokens(self._loaded.model, back=True)
        for name, module in wrapped:
            parent, _, child = name.rpartition(".")
            setattr(base.get_submodule(parent), child, module.original_module)
        self._loaded.model.peft_config[key].trainable_token_indices = None
        self.make_room(tokenizer, adapter)
        ids = torch.tensor(layer.token_indices[key], device=self._input.device)
        size = max(self._size, len(tokenizer.tokenizer))
        self._own[key] = _Own(ids, layer.trainable_tokens_delta[key].detach().to(self._input.dtype), size)

    def has(self, key: str) -> bool:
        """Whether the adapter `key` has tokens of its own."""
        return key in self._own

    def size(self, key: str | None) -> int:
        """How many tokens the model has with the adapter `key`, or with none."""
        own = None if key is None else self._own.get(key)
        return own.size if own is not None else self._loaded.own_vocabulary or self._loaded.vocabulary

    @torch.no_grad()
    def put(self, key: str | None) -> None:
        """Let the model have the tokens of the adapter `key`, or only its own."""
        if self._input is None:
            return
        if self._kept is not None:
            self._input[self._kept[0]] = self._kept[1]
        own = None if key is None else self._own.get(key)
        self._kept = None if own is None else (own.ids, self._input[own.ids].clone())
        if own is not None:
            self._input[own.ids] = own.rows
        self._see(self.size(key))

    def _see(self, size: int) -> None:
        head = self._loaded.model.get_output_embeddings()
        if head.weight.shape[0] == size and head.weight.data_ptr() == self._output.data_ptr():
            return
        head.weight = _parameter(self._output[:size])
        head.out_features = size
        if self._bias is not None:
            head.bias = _parameter(self._bias[:size])

    def _modules(self, adapter: str) -> tuple[Any, Any]:
        """The input embeddings and the head, which may be inside of PEFT's layers for tokens, and in no others."""
        model = self._loaded.model
        embedding, head = map(_inside, (model.get_input_embeddings(), model.get_output_embeddings()))
        plain = isinstance(embedding, torch.nn.Embedding) and type(head) is torch.nn.Linear
        if not plain or not head.weight.is_floating_point():
            raise self._refusal(adapter)
        return embedding, head

    def _refusal(self, adapter: str) -> ModelError:
        return ModelError(
            f"{adapter} cannot be switched on and off here: one adapter has special tokens of its own, and it or "
            f"another one changes the embeddings or the head of {self._loaded.name} otherwise; merge one of them into "
            "the model first (midcourse export-model --to merged)"
        )


def _inside(module: Any) -> Any:
    from peft.utils.other import TrainableTokensWrapper

    return module.original_module if isinstance(module, TrainableTokensWrapper) else module


def _higher(matrix: Tensor, size: int, own: int) -> Tensor:
    """With rows up to `size`, which begin as the mean of the model's `own` ones, as `adapters.extend` has it."""
    mean = matrix[:own].float().mean(0).to(matrix.dtype)
    return torch.cat([matrix, mean.expand(size - matrix.shape[0], -1)])


def _parameter(data: Tensor) -> torch.nn.Parameter:
    return torch.nn.Parameter(data, requires_grad=False)
