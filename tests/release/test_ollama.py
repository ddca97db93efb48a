"""Modelfiles: templates in Go's notation, carried out by a few lines that do what Go and Ollama do."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest

from midcourse.models.tokenizer import HFTokenizer
from midcourse.release import ollama
from tests.release import small

CHATML = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are small.<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
HEADERS = (
    "{{ bos_token }}{% for m in messages %}<h>{{ m['role'] }}</h>\n\n{{ m['content'] | trim }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<h>assistant</h>\n\n{% endif %}"
)
JOINED = (  # as Gemma: the system message is the beginning of the first question
    "{{ bos_token }}{% set ns = namespace(told='') %}{% for m in messages %}"
    "{% if m['role'] == 'system' %}{% set ns.told = m['content'] + '\n\n' %}{% else %}"
    "<turn>{{ 'model' if m['role'] == 'assistant' else 'user' }}\n{{ ns.told }}{% set ns.told = '' %}"
    "{{ m['content'] }}</s>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<turn>model\n{% endif %}"
)
COUNTING = (
    "{% for m in messages %}{{ loop.index }} {{ m['role'] }}: {{ m['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}go{% endif %}"
)
SYSTEMLESS = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}"
    "{{ m['content'] }}</s>{% endfor %}"
)
TURNS = [
    [("user", "One")],
    [("system", "Be brief"), ("user", "One"), ("assistant", "Two"), ("user", "Three")],
    [("user", "One"), ("assistant", "Two"), ("user", "Three"), ("assistant", "Fo")],
]


def tokenizer(template: str, kind: str = "smollm") -> HFTokenizer:
    made = small.tokenizer(kind)
    made.chat_template = template
    return HFTokenizer(made)


def carried_out(template: str, turns: list[tuple[str, str]]) -> str:
    """What Ollama makes of a template: ours has `if`, `range`, variables and six expressions, and no spaces trimmed."""
    parts = re.split(r"(\{\{ .*? \}\})", template)
    told = next((content for role, content in turns if role == "system"), "")
    variables: dict[str, object] = {}

    def holds(expression: str, number: int) -> bool:
        role = turns[number][0] if turns else ""
        return {
            "not .System": not told,
            "not $last": not variables.get("$last"),
            "$told": bool(variables.get("$told")),
            'and $last (ne .Role "assistant")': bool(variables.get("$last")) and role != "assistant",
            **{f'eq .Role "{one}"': role == one for one in ("system", "user", "assistant")},
        }[expression]

    def block(start: int) -> tuple[int, int | None]:
        """Where the block that begins before `start` ends, and where its else is."""
        depth, other = 1, None
        for place in itertools.count(start):
            said = parts[place][3:-3] if parts[place].startswith("{{ ") else ""
            depth += said.startswith(("if ", "range ")) - (said == "end")
            if said == "else" and depth == 1:
                other = place
            if not depth:
                return place, other
        raise AssertionError

    def run(start: int, stop: int, number: int) -> Iterator[str]:
        place = start
        while place < stop:
            part, place = parts[place], place + 1
            if not part.startswith("{{ "):
                yield part
                continue
            said = part[3:-3]
            if said.startswith("range "):
                end, _ = block(place)
                for each in range(len(turns)):
                    yield from run(place, end, each)
                place = end + 1
            elif said.startswith("if "):
                end, other = block(place)
                if holds(said[3:], number):
                    yield from run(place, end if other is None else other, number)
                elif other is not None:
                    yield from run(other + 1, end, number)
                place = end + 1
            elif said.startswith("$last := "):
                variables["$last"] = number == len(turns) - 1
            elif said.startswith(("$told := ", "$told = ")):
                variables["$told"] = told if ":=" in said else ""
            else:
                yield {".Content": turns[number][1], "$told": str(variables.get("$told"))}[said]

    return "".join(run(0, len(parts), 0))


@pytest.mark.parametrize("template", [CHATML, HEADERS, JOINED], ids=["chatml", "headers", "joined"])
def test_the_template_in_go_writes_what_the_models_own_does(template: str) -> None:
    tok = tokenizer(template)
    found = ollama.pieces(tok)
    assert found is not None
    for turns in TURNS[:2]:
        wanted = tok.rendered([{"role": role, "content": content} for role, content in turns], answer=True)
        assert found.text(turns) == wanted
        assert carried_out(found.go(), turns) == wanted


def test_an_answer_that_was_begun_is_gone_on_with() -> None:
    found = ollama.pieces(tokenizer(CHATML))
    assert found is not None
    assert carried_out(found.go(), TURNS[2]).endswith("<|im_start|>assistant\nFo")


def test_the_token_that_begins_every_text_is_left_to_llama_cpp() -> None:
    tok = tokenizer(HEADERS, "metaspace-first")
    from tokenizers.processors import TemplateProcessing

    tok.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tok.tokenizer.bos_token_id)]
    )
    found = ollama.pieces(tok)
    assert found is not None
    assert "<s>" not in found.go()


@pytest.mark.parametrize("template", [COUNTING, SYSTEMLESS], ids=["counting", "systemless"])
def test_a_template_that_is_not_made_of_pieces_is_left_out_and_it_is_said(template: str) -> None:
    text, notices = ollama.modelfile(tokenizer(template), "./small.gguf")
    assert "TEMPLATE" not in text
    assert "the Modelfile has none" in notices[0]


def test_the_file() -> None:
    text, notices = ollama.modelfile(tokenizer(CHATML), "smollm2:135m", "./lora.gguf")
    assert text.startswith('FROM smollm2:135m\nADAPTER ./lora.gguf\nTEMPLATE """{{ if not .System }}')
    assert text.endswith('PARAMETER stop "</s>"\nPARAMETER stop "<|im_end|>"\n')
    assert not notices
