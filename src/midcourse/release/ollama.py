"""A `Modelfile`, from which Ollama makes a model, with the chat template in Go's notation.

Ollama does not run Jinja. The template is not parsed: conversations of made-up messages are rendered with the model's
own template, and what it writes before and after each message is taken from there. Invariant: put together again for
other conversations, the pieces give exactly what the model's own template gives; otherwise there is no Go template.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from midcourse.errors import ModelError

if TYPE_CHECKING:
    from midcourse.models.tokenizer import HFTokenizer

Turns = Sequence[tuple[str, str]]
PROBES: tuple[Turns, ...] = (
    (("user", "Who?"),),
    (("system", "Be brief."), ("user", "Who?")),
    (("user", "One\ntwo"), ("assistant", "Three."), ("user", "4 {5}")),
    (("system", "a  b"), ("user", "c"), ("assistant", "d\n\ne"), ("user", "f"), ("assistant", "g"), ("user", "h")),
)
ASKED, TOLD, AGAIN, SAID = "QuestionQ", "InstructionI", "RequestR", "AnswerA"


class Pieces(NamedTuple):
    """What a chat template writes before and after each message.

    `joint` is what stands between the system message and the first question where both are one turn; None where the
    system message has a turn of its own. `head` comes before the first turn: always where both are one, otherwise only
    if no system message is given.
    """

    head: str
    system: tuple[str, str]
    user: tuple[str, str]
    assistant: tuple[str, str]
    answer: str
    joint: str | None

    def text(self, turns: Turns) -> str:
        """A conversation, ready for an answer."""
        told = next((content for role, content in turns if role == "system"), "")
        written = "" if told and self.joint is None else self.head
        for role, content in turns:
            if role == "system":
                written += "" if self.joint is not None else f"{self.system[0]}{content}{self.system[1]}"
                continue
            before, after = self.user if role == "user" else self.assistant
            if role == "user" and told and self.joint is not None:
                before, told = f"{before}{told}{self.joint}", ""
            written += f"{before}{content}{after}"
        return written + self.answer

    def go(self) -> str:
        """The same as a Go template for Ollama, which hands it `.System` and `.Messages`."""
        head, joined, system = self.head, "", ""
        if self.joint is None:
            head = f"{{{{ if not .System }}}}{head}{{{{ end }}}}" if head else ""
            system = f'{{{{ if eq .Role "system" }}}}{self.system[0]}{{{{ .Content }}}}{self.system[1]}{{{{ else }}}}'
        else:
            head += "{{ $told := .System }}"
            joined = f'{{{{ if $told }}}}{{{{ $told }}}}{self.joint}{{{{ $told = "" }}}}{{{{ end }}}}'
        user = f'{{{{ if eq .Role "user" }}}}{self.user[0]}{joined}{{{{ .Content }}}}{self.user[1]}{{{{ end }}}}'
        assistant = (
            f'{{{{ if eq .Role "assistant" }}}}{self.assistant[0]}{{{{ .Content }}}}'
            f"{{{{ if not $last }}}}{self.assistant[1]}{{{{ end }}}}{{{{ end }}}}"
        )
        return (
            f"{head}{{{{ range $i, $_ := .Messages }}}}{{{{ $last := eq (len (slice $.Messages $i)) 1 }}}}"
            f"{system}{user}{assistant}{'{{ end }}' if system else ''}"
            f'{{{{ if and $last (ne .Role "assistant") }}}}{self.answer}{{{{ end }}}}{{{{ end }}}}'
        )


def pieces(tokenizer: HFTokenizer) -> Pieces | None:
    """The pieces of a chat template; None if it is not made of such."""
    try:
        found = _found(tokenizer)
        if found is None or any(mark in text for text in _texts(found) for mark in ("{{", "}}", '"""')):
            return None
        same = all(found.text(turns) == _rendered(tokenizer, turns, answer=True) for turns in PROBES)
    except ModelError:
        return None
    return found if same else None


def _found(tokenizer: HFTokenizer) -> Pieces | None:
    asked, said, again = ("user", ASKED), ("assistant", SAID), ("user", AGAIN)
    one = _rendered(tokenizer, [asked])
    ready = _rendered(tokenizer, [asked], answer=True)
    first, after_user = _around(one, ASKED)
    between = _around(_rendered(tokenizer, [asked, said]), ASKED)[1]
    to_said, after_said = _around(between, SAID)
    to_again, _ = _around(_around(_rendered(tokenizer, [asked, said, again]), SAID)[1], AGAIN)
    told, rest = _around(_rendered(tokenizer, [("system", TOLD), asked]), TOLD)
    to_asked = _around(rest, ASKED)[0]
    if not (ready.startswith(one) and to_said.startswith(after_user) and to_again.startswith(after_said)):
        return None
    before_user = to_again[len(after_said) :]
    if not first.endswith(before_user):
        return None
    head = first[: len(first) - len(before_user)]
    joint = None if before_user and to_asked.endswith(before_user) else to_asked
    if joint is not None and told != first:
        return None
    return Pieces(
        head,
        (told, to_asked[: len(to_asked) - len(before_user)]),
        (before_user, after_user),
        (to_said[len(after_user) :], after_said),
        ready[len(one) :],
        joint,
    )


def _around(text: str, content: str) -> tuple[str, str]:
    before, found, after = text.partition(content)
    if not found:
        raise ModelError("the chat template leaves a message out")
    return before, after


def _rendered(tokenizer: HFTokenizer, turns: Turns, *, answer: bool = False) -> str:
    """A conversation as the model's template writes it, without the token that begins every text: llama.cpp adds it."""
    text = tokenizer.rendered([{"role": role, "content": content} for role, content in turns], answer=answer)
    begin = tokenizer.tokenizer.bos_token
    adds = begin is not None and tokenizer.tokenizer("a").input_ids[0] == tokenizer.tokenizer.bos_token_id
    return text.removeprefix(begin) if adds else text


def _texts(found: Pieces) -> list[str]:
    return [found.head, *found.system, *found.user, *found.assistant, found.answer, found.joint or ""]


def modelfile(tokenizer: HFTokenizer, weights: str, adapter: str | None = None) -> tuple[str, list[str]]:
    """The text of the Modelfile, and notices. `weights` is a file beside it, or a model that Ollama has."""
    found = pieces(tokenizer)
    lines = [f"FROM {weights}"]
    if adapter is not None:
        lines.append(f"ADAPTER {adapter}")
    notices = []
    if found is not None:
        lines.append(f'TEMPLATE """{found.go()}"""')
    else:
        notices.append(
            "the chat template does more than Ollama's can; the Modelfile has none, and Ollama takes the one that it "
            "guesses from the GGUF file. Compare `ollama show --template` with the model's own"
        )
    inner = tokenizer.tokenizer
    ends = sorted({str(inner.convert_ids_to_tokens(number)) for number in tokenizer.end_ids})
    lines += [f'PARAMETER stop "{end}"' for end in ends]
    return "\n".join(lines) + "\n", notices
