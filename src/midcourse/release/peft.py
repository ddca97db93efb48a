"""An adapter as others get it: its own files, and nothing of the machine that it was made on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from midcourse.attributes.manifest import FILE, Manifest
from midcourse.models.adapter_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from midcourse.release.facts import Facts, public

TOKENIZER = re.compile(
    r"tokenizer.*\.json|.*\.model|special_tokens_map\.json|chat_template\.jinja|vocab\..*|merges\.txt"
)


def files(folder: Path, known: Facts) -> Iterator[tuple[str, str | Path]]:
    """The names of the files of the adapter in `folder`, each with its text, or with where its bytes are."""
    assert known.settings is not None
    config = known.settings | {"base_model_name_or_path": known.base}
    yield ADAPTER_CONFIG, json.dumps(config, indent=2) + "\n"
    if known.manifest is not None:
        yield FILE, manifest(known.manifest)
    yield ADAPTER_WEIGHTS, folder / ADAPTER_WEIGHTS
    for path in sorted(folder.iterdir()):
        if path.is_file() and TOKENIZER.fullmatch(path.name):
            yield path.name, path


def manifest(found: Manifest) -> str:
    """`attributes.json` with the model under the name by which others have it."""
    said = found.model_copy(update={"model": public(found.model)})
    return json.dumps(said.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
