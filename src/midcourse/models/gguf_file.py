"""A GGUF file from outside: what its header says, and the tokenizer that is in it.

The header is read straight from its bytes, up to where the tensors begin: a tenth of a second for a vocabulary of
50,000, where the `gguf` package, which maps the tensors too, takes seconds.

The format: "GGUF", version, number of tensors, number of pairs; a pair is a key, a type and a value; numbers are little
endian (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from midcourse.errors import ModelError
from midcourse.models.tokenizer import HFTokenizer

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_ENDS = ("eos_token_id", "eot_token_id", "eom_token_id")


def header(path: Path) -> dict[str, Any]:
    """All pairs of a GGUF file. Raises `ModelError` if it is none, or is cut off."""
    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            if data[:4] != b"GGUF":
                raise ModelError(f"{path} is no GGUF file")
            version, _tensors, count = struct.unpack_from("<IQQ", data, 4)
            if version not in (2, 3):
                raise ModelError(f"{path} is a GGUF file of version {version}; 2 and 3 are known")
            found, at = {}, 24
            for _ in range(count):
                key, at = _string(data, at)
                (kind,) = struct.unpack_from("<I", data, at)
                found[key], at = _value(data, at + 4, kind)
            return found
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    except (struct.error, KeyError, ValueError, OverflowError):
        raise ModelError(f"{path} is damaged, or was cut off: its header cannot be read") from None


def context_length(found: Mapping[str, Any], path: Path) -> int:
    """How long the contexts were that the model was trained on."""
    length = found.get(f"{found.get('general.architecture')}.context_length")
    if not isinstance(length, int) or length < 1:
        raise ModelError(f"{path} does not say how long a context its model sees: it is no language model")
    return length


def tokenizer(path: Path) -> HFTokenizer:
    """The tokenizer of a GGUF file. Raises `ModelError` where it cannot be made of what the file says."""
    from midcourse.models import bundled, quick_imports

    found = header(path)
    try:
        with quick_imports():
            if found.get("tokenizer.ggml.pre") == "smollm":
                from transformers import PreTrainedTokenizerFast

                with tempfile.TemporaryDirectory() as place:
                    file = Path(place) / "tokenizer.json"
                    bundled.write_tokenizer(found.__getitem__, file)
                    inner = PreTrainedTokenizerFast(tokenizer_file=str(file), clean_up_tokenization_spaces=False)
            else:
                from transformers import AutoTokenizer

                inner = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, NotImplementedError, ImportError, AttributeError) as error:
        raise ModelError(
            f"the tokenizer in {path} cannot be used ({str(error)[:200]}); name the model that the file was made from "
            "with --model, and the file with --gguf"
        ) from None
    tokens = found["tokenizer.ggml.tokens"]
    for name in ("bos", "eos", "padding", "unknown"):
        number = found.get(f"tokenizer.ggml.{name}_token_id")
        if isinstance(number, int) and number < len(tokens):
            setattr(inner, {"padding": "pad", "unknown": "unk"}.get(name, name) + "_token", tokens[number])
    inner.chat_template = found.get("tokenizer.chat_template")
    ends = {found[key] for name in _ENDS if (key := f"tokenizer.ggml.{name}") in found}
    return HFTokenizer(inner, ends)


def _string(data: mmap, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from("<Q", data, at)
    end = at + 8 + size
    if end > len(data):
        raise ValueError("beyond the end")
    return data[at + 8 : end].decode("utf-8", errors="surrogateescape"), end


def _value(data: mmap, at: int, kind: int) -> tuple[Any, int]:
    if kind == _STRING:
        return _string(data, at)
    if kind != _ARRAY:
        (number,) = struct.unpack_from(f"<{_NUMBERS[kind]}", data, at)
        return number, at + struct.calcsize(f"<{_NUMBERS[kind]}")
    inner, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if inner in _NUMBERS:
        whole = f"<{count}{_NUMBERS[inner]}"
        if at + struct.calcsize(whole) > len(data):
            raise ValueError("beyond the end")
        return list(struct.unpack_from(whole, data, at)), at + struct.calcsize(whole)
    read: Callable[[mmap, int], tuple[Any, int]] = _string
    if inner != _STRING:
        read = lambda data, at: _value(data, at, inner)  # noqa: E731 - arrays of arrays
    values = []
    for _ in range(count):
        value, at = read(data, at)
        values.append(value)
    return values, at
