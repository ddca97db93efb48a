"""Models by their names, known without their weights: where they are, their configuration, their tokenizer.

A name is `bundled`, a folder as `transformers` writes one, or a Hugging Face id. No code that comes with a model
is run.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midcourse.errors import ModelError
from midcourse.models import bundled
from midcourse.models.adapter_files import folder, manifest, special
from midcourse.models.hub import first_line, hub_file

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from midcourse.attributes.manifest import Manifest
    from midcourse.models.tokenizer import HFTokenizer

UNBOUNDED = 1 << 20  # the context of a model that names none (a state space model): what fits into memory


def resolve(name: str) -> str:
    """The folder or the Hugging Face id that `name` means. Raises `ModelError` if there is no such model."""
    if name == "bundled":
        return str(bundled.ensure())
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            hint = "it is an adapter: give it as --adapter" if (path / "adapter_config.json").is_file() else ""
            raise ModelError(f"{name} is no model: there is no config.json in it" + (f" ({hint})" if hint else ""))
        return str(path)
    if path.exists():
        raise ModelError(f"{name} is a file; a model is a folder with a config.json")
    hub_file(name, "config.json", "model")
    return name


def context_length(name: str) -> int:
    """How many tokens a model sees, known without loading its weights. Raises `ModelError`."""
    return window(configuration(name))


def configuration(name: str) -> PretrainedConfig:
    """A model's configuration, without its weights. Raises `ModelError`."""
    where = resolve(name)
    from transformers import AutoConfig

    try:
        found: PretrainedConfig = AutoConfig.from_pretrained(where, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(why_not(where, name, error)) from error
    return found


def window(config: PretrainedConfig) -> int:
    """How many tokens a model of this configuration sees."""
    text = config.get_text_config(decoder=True)
    return int(getattr(text, "max_position_embeddings", None) or UNBOUNDED)


def why_not(where: str, name: str, error: BaseException) -> str:
    """Why the model `name`, which is at `where`, cannot be read, in a line."""
    folder = Path(where)
    pickled = folder.is_dir() and (any(folder.glob("*.bin")) or any(folder.glob("*.pt")))
    if pickled and not any(folder.glob("*.safetensors")):
        return (
            f"{name} has its weights in pickle files, which can run code when read; convert them to safetensors first"
        )
    if "trust_remote_code" in str(error):
        return f"{name} brings its own code, which is not run here; use a model of an architecture in transformers"
    return f"{name!r} cannot be loaded: {first_line(error)}"


def load_tokenizer(name: str, adapter: str | None = None) -> HFTokenizer:
    """The tokenizer of a model, without its weights and, where it has a `tokenizer.json`, without torch.

    It knows how the model, or the adapter, is told attributes, if it has learned to be.
    """
    return told(resolve(name), name, adapter)[0]


def told(where: str, name: str, adapter: str | None) -> tuple[HFTokenizer, Manifest | None, Manifest | None]:
    """The tokenizer, with the special tokens of an adapter that is told by those; what the model by itself and what it
    with the adapter can be told."""
    from midcourse.models.tokenizer import HFTokenizer

    tokenizer = HFTokenizer(_tokenizer(where, name), _end_ids(where))
    found = own = _own(where, tokenizer, name)
    if adapter is not None:
        place = folder(adapter)
        tokenizer = tokenizer.extended(special(place))
        found = manifest(place, tokenizer, adapter) or own
    tokenizer.conditioning = None if found is None else found.conditioning
    return tokenizer, own, found


def _own(where: str, tokenizer: HFTokenizer, name: str) -> Manifest | None:
    """What a model can be told by itself, if it is in a folder: one that was trained here."""
    return manifest(Path(where), tokenizer, name) if Path(where).is_dir() else None


def _tokenizer(where: str, name: str) -> Any:
    """Straight from `tokenizer.json` where the folder has one: the Auto class costs two seconds of imports."""
    settings = _read(where, "tokenizer_config.json")
    plain = settings.get("tokenizer_class", "") in ("", "PreTrainedTokenizerFast", "TokenizersBackend")
    try:
        if plain and (Path(where) / "tokenizer.json").is_file():
            with quick_imports():
                from transformers import PreTrainedTokenizerFast

            return PreTrainedTokenizerFast.from_pretrained(where)
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(where, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise ModelError(f"the tokenizer of {name!r} cannot be loaded: {first_line(error)}") from error


def _end_ids(where: str) -> set[int]:
    """The ids that end an answer by the generation config, else by the config."""
    for file in ("generation_config.json", "config.json"):
        ends = _read(where, file).get("eos_token_id")
        if ends is not None:
            return {ends} if isinstance(ends, int) else set(ends)
    return set()


def _read(where: str, file: str) -> dict[str, Any]:
    """A JSON file of a model; {} if it has none."""
    path = Path(where) / file
    if not Path(where).is_dir():
        from transformers.utils import cached_file

        found = cached_file(where, file, _raise_exceptions_for_missing_entries=False)
        path = Path(found) if found else path
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from error
    return value if isinstance(value, dict) else {}


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import without the garbage collector: torch and transformers make millions of objects, and all of them stay.

    It saves a fifth of the time. What there is afterwards is not looked at again.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.freeze()
            gc.enable()
