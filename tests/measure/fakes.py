"""A tokenizer and an engine that are all arithmetic: one token a byte, and a script of what the model writes."""

from collections.abc import Callable, Mapping, Sequence

from midcourse.engine.batch import Generated
from midcourse.engine.sampling import Sampling
from midcourse.trace.tree import Message, Run, Trace

END = 256


class Bytes:
    """A token a byte; 256 ends an answer, what is above is special."""

    fingerprint = "bytes"
    size = 400
    end_id = END
    end_ids = frozenset({END})

    def encode(self, text: str) -> list[int]:
        return [*text.encode()]

    def token_bytes(self, token: int) -> bytes:
        return bytes([token]) if token < 256 else b""

    def prompt(self, messages: Sequence[Message], attributes: Mapping[str, float] | None = None) -> list[int]:
        return [300, *"".join(str(message["content"]) for message in messages).encode(), 301]


class Scripted:
    """Writes, after any prefix that begins with a prompt, on in the text that `answers` gives for it, then ends.

    Where the prefix has left that text, it ends at once.
    """

    context_length = 4096
    model_name = "scripted"

    def __init__(self, answers: dict[str, str]) -> None:
        self.tokenizer = Bytes()
        self.calls = 0
        self._answers = {
            tuple(self.tokenizer.prompt([{"role": "user", "content": prompt}])): [*text.encode(), END]
            for prompt, text in answers.items()
        }

    def batch(
        self,
        prefixes: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        max_tokens: int | Sequence[int],
        stop: Callable[[int, list[int]], bool] | None = None,
        top: int = 0,
        neutral: Sequence[Sequence[int]] | None = None,
    ) -> list[Generated]:
        self.calls += 1
        limits = [max_tokens] * len(prefixes) if isinstance(max_tokens, int) else max_tokens
        made = []
        for row, (prefix, limit) in enumerate(zip(prefixes, limits, strict=True)):
            ids: list[int] = []
            for token in self._rest(list(prefix))[:limit]:
                ids.append(token)
                if stop is not None and stop(row, ids):
                    break
            made.append(Generated(ids, [0.0] * len(ids), bool(ids) and ids[-1] == END, [()] * len(ids)))
        return made

    def _rest(self, prefix: list[int]) -> list[int]:
        for prompt, text in self._answers.items():
            if tuple(prefix[: len(prompt)]) == prompt:
                written = prefix[len(prompt) :]
                return text[len(written) :] if text[: len(written)] == written else [END]
        raise AssertionError("no such prompt")


def trace(prompt: str, parts: Sequence[str | tuple[str, str]], *, end: bool = True) -> Trace:
    """A held-out trace: strings are the model's own text, pairs are (rejected, chosen)."""
    tok = Bytes()
    messages: list[Message] = [{"role": "user", "content": prompt}]
    made = Trace(prompt, messages, tuple(tok.prompt(messages)), "scripted", tok.fingerprint, tok.end_ids)
    for part in parts:
        if isinstance(part, str):
            made.grow(tok.encode(part), "model")
        else:
            rejected, chosen = part
            at = made.head
            runs = [made.grow(tok.encode(rejected), "model")] if rejected else []
            depth = made.depth(at)
            made.steer(at, tok.encode(chosen), [_run(span.id, depth, len(span.ids)) for span in runs])
    if end:
        made.grow([END], "model")
    return made


def _run(span: int, start: int, length: int) -> Run:
    return Run(span, start, start + length)
