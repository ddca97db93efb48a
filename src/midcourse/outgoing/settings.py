"""The formats that go out, and what each is for."""

from __future__ import annotations

from typing import Literal, NamedTuple

FormatName = Literal[
    "native",
    "trl-preference",
    "trl-sft",
    "kto",
    "axolotl",
    "ms-swift",
    "ms-swift-preference",
    "llama-factory",
    "parquet",
    "datasets",
]


class Kind(NamedTuple):
    """`takes` is what its trainer is told beside the file, `folder` whether it is one, `accepted` whether tokens that
    were let stand can be trained on too."""

    title: str
    takes: str = ""
    folder: bool = False
    accepted: bool = False


KINDS: dict[str, Kind] = {
    "native": Kind("our own format, exact"),
    "trl-preference": Kind(
        "TRL's DPOTrainer and its kin", "the columns *_ids are exact; docs/formats.md passes them on"
    ),
    "trl-sft": Kind(
        "TRL's SFTTrainer", "load it with datasets.load_dataset('json', …); it needs nothing else", accepted=True
    ),
    "kto": Kind("TRL's KTOTrainer", "the columns *_ids are exact; docs/formats.md passes them on"),
    "axolotl": Kind("Axolotl", "datasets: [{path: FILE, ds_type: json, type: input_output}]", accepted=True),
    "ms-swift": Kind("ms-swift's sft", "--dataset FILE --use_chat_template false", accepted=True),
    "ms-swift-preference": Kind("ms-swift's rlhf", "--dataset FILE --use_chat_template false"),
    "llama-factory": Kind(
        "LLaMA-Factory's dpo stage", "dataset_dir: FOLDER, dataset: midcourse, template: empty", folder=True
    ),
    "parquet": Kind("a table with a row for each steer"),
    "datasets": Kind("a folder for the datasets library", "datasets.load_dataset('FOLDER', 'preference')", True, True),
}
