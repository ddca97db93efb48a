"""The model card (README.md) of what is given away: what it is, how to use it, what it learned from, what it changed.

Only what `Facts` holds is said, and nothing of this machine: no path, no trace, no text of an answer.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import yaml

from midcourse.measure import words
from midcourse.measure.result import Measurement
from midcourse.release import vllm
from midcourse.release.facts import Facts

Form = Literal["adapter", "merged", "gguf", "gguf-adapter", "ollama"]
LIBRARIES: Mapping[Form, str] = {"adapter": "peft", "merged": "transformers"}
QUANTIZED = (
    "It learned on the weights as a 4-bit file holds them (Q4_1); on the original ones it behaves a little differently."
)
SHOWN = (
    ("objective", "objective"),
    ("epochs", "epochs"),
    ("learning_rate", "learning rate"),
    ("batch", "traces a step"),
    ("lora_rank", "LoRA rank"),
    ("lora_alpha", "LoRA alpha"),
    ("lora_targets", "LoRA on"),
    ("seed", "seed"),
)


def card(form: Form, name: str, facts: Facts, *, license: str | None = None, files: tuple[str, ...] = ()) -> str:
    """The whole text. `files` are the GGUF files beside it."""
    parts = [
        _matter(form, facts, license),
        f"# {name}",
        _what(form, facts),
        "\n\n".join(_use(form, name, facts, files)),
        *_trained(facts),
        *_changed(facts),
        *_told(facts),
    ]
    return "\n\n".join(parts) + "\n"


def _matter(form: Form, facts: Facts, license: str | None) -> str:
    """What the hub reads."""
    relation = {"adapter": "adapter", "gguf-adapter": "adapter", "merged": "finetune"}.get(form, "quantized")
    if facts.settings is not None and form in ("gguf", "ollama"):
        relation = "finetune"
    tags = ["midcourse", *(["lora"] if form in ("adapter", "gguf-adapter") else [])]
    tags += ["gguf"] if "gguf" in form or form == "ollama" else []
    values: dict[str, Any] = {"base_model": facts.base, "base_model_relation": relation}
    values |= {"library_name": LIBRARIES[form]} if form in LIBRARIES else {}
    values |= {"license": license} if license else {}
    values |= {"pipeline_tag": "text-generation", "tags": tags}
    return f"---\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True)}---"


def _what(form: Form, facts: Facts) -> str:
    kind = {
        "adapter": "A LoRA adapter for",
        "gguf-adapter": "A LoRA adapter, as GGUF, for",
        "merged": "The weights of",
        "gguf": "GGUF files of",
        "ollama": "For Ollama:",
    }[form]
    whole = form in ("merged", "gguf", "ollama") and facts.settings is not None
    said = f"{kind} **{facts.base}**" + (", with an adapter added into them" if whole else "")
    metrics = facts.metrics or {}
    if not (steers := metrics.get("steers")):
        return f"{said}, made with Midcourse."
    answers = f" in {words.count(metrics['traces'], 'answer')}" if metrics.get("traces") else ""
    model = " " + QUANTIZED if metrics.get("model") == "bundled" else ""
    return (
        f"{said}, trained with Midcourse on {words.count(steers, 'steer')}{answers}: corrections at the very tokens "
        f"where the model went off track.{model}"
    )


def _use(form: Form, name: str, facts: Facts, files: tuple[str, ...]) -> Iterator[str]:
    base, short = facts.base, name.rpartition("/")[2]
    yield "## Use"
    if form == "adapter":
        code = [
            "from peft import PeftModel",
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            *_resized(facts, name, base),
        ]
        yield "\n".join(["```python", *code, "```"])
        yield f"```sh\nmidcourse steer --model {shlex.quote(base)} --adapter {shlex.quote(name)}\n```"
        assert facts.settings is not None
        if (why := vllm.why_not(facts.settings)) is None:
            served = ["vLLM serves it beside its model:", "", "```sh"]
            yield "\n".join([*served, vllm.command(base, facts.settings, short, name), "```"])
        else:
            yield f"{why}: serve merged weights instead (`midcourse export-model --to merged`)."
    elif form == "merged":
        yield "\n".join(
            [
                "```python",
                "from transformers import AutoModelForCausalLM, AutoTokenizer",
                "",
                f'model = AutoModelForCausalLM.from_pretrained("{name}")',
                f'tokenizer = AutoTokenizer.from_pretrained("{name}")',
                "```",
            ]
        )
        yield f"```sh\nvllm serve {shlex.quote(name)}\n```"
    elif form == "gguf":
        yield f"```sh\nllama-server --model {shlex.quote(files[0])} --jinja\n```"
    elif form == "gguf-adapter":
        yield f"```sh\nllama-server --model BASE.gguf --lora {shlex.quote(files[0])} --jinja\n```"
        yield f"`BASE.gguf` is {base} as GGUF, in whatever numbers."
    else:
        yield f"```sh\nollama create {shlex.quote(short.lower())} -f Modelfile\n```"


def _resized(facts: Facts, name: str, base: str) -> list[str]:
    """How peft loads the adapter; one that is told values by special tokens has more of them than its base model."""
    conditioning = facts.manifest.conditioning if facts.manifest else None
    if conditioning is None or not conditioning.special:
        return [
            f'model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("{base}"), "{name}")',
            f'tokenizer = AutoTokenizer.from_pretrained("{base}")',
        ]
    return [
        f'tokenizer = AutoTokenizer.from_pretrained("{name}")',
        f'base = AutoModelForCausalLM.from_pretrained("{base}")',
        "base.resize_token_embeddings(len(tokenizer))",
        f'model = PeftModel.from_pretrained(base, "{name}")',
    ]


def _trained(facts: Facts) -> Iterator[str]:
    metrics = facts.metrics
    if metrics is None:
        return
    settings = metrics.get("settings") or {}
    rows: list[tuple[str, Any]] = [(label, settings.get(key)) for key, label in SHOWN]
    if settings.get("full"):
        rows = [(label, value) for label, value in rows if not label.startswith("LoRA")]
    rows.append(("numbers", metrics.get("dtype")))
    if metrics.get("tokens"):
        rows.append(("tokens an epoch", words.number(metrics["tokens"], 0)))
    yield "## Training"
    lines = ["| | |", "|---|---|"]
    lines += [f"| {label} | {_cell(value)} |" for label, value in rows if value not in (None, [], "")]
    yield "\n".join(lines)
    if versions := metrics.get("versions"):
        yield "Made with " + ", ".join(f"{package} {version}" for package, version in versions.items()) + "."


def _cell(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"`{text}`".replace("|", "\\|")


def _changed(facts: Facts) -> Iterator[str]:
    yield "## What it changed"
    if (found := facts.measured) is None:
        yield (
            "This was not measured. `midcourse measure` does that on answers which were held out; a card that is made "
            "afterwards says what came of it."
        )
        return
    yield f"{words.headline(found)}, on {_held_out(found)}."
    lines = ["| | before | after | |", "|---|---|---|---|"]
    lines += [f"| {one.label} | {one.before} | {one.after or words.DASH} | {one.says} |" for one in words.stats(found)]
    yield "\n".join(lines)
    if (moved := found.drift.unrelated) is not None and moved.kl is not None:
        yield f"**Drift.** {words.read_drift(moved)} (KL {words.number(moved.kl, 3)} nats a token.)"


def _held_out(found: Measurement) -> str:
    counts = found.counts
    return f"{words.count(counts.get('traces', 0), 'answer')} with {words.count(counts.get('steers', 0), 'steer')}"


def _told(facts: Facts) -> Iterator[str]:
    manifest = facts.manifest
    if manifest is None or manifest.conditioning is None:
        return
    yield "## What it can be told"
    lines = ["| attribute | from | to | |", "|---|---|---|---|"]
    lines += [
        f"| {one.name} | {one.minimum:g} | {one.maximum:g} | {one.description} |"
        for one in manifest.attributes.attributes
    ]
    yield "\n".join(lines)
