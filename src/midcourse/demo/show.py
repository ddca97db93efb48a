"""What a person sees at the end of the demonstration: a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from midcourse.measure.result import Measurement


def words(result: Measurement) -> str:
    """The result in a few lines."""
    before, after = result.before, result.after
    assert after is not None
    lines = [
        f"{'':24}{'typed':>8}{'fields':>9}{'cards':>8}{'steers/answer':>16}",
        _line("before", 0, before.fields, before.pass_rate, before.steers_per_answer),
    ]
    lines += [
        _line(f"round {number}", r.typed_tokens, r.fields, r.pass_rate, r.steers_per_answer)
        for number, r in enumerate(result.rounds, 1)
    ]
    lines += [_line(r.name, r.typed_tokens, r.fields, r.pass_rate, r.steers_per_answer) for r in result.comparison]
    if result.drift.unrelated and result.drift.unrelated.kl is not None:
        moved = result.drift.unrelated
        lines.append(
            f"drift on unrelated prompts: {moved.kl:.3f} nats a token, same first choice {_share(moved.top1_agreement)}"
        )
    return "\n".join(lines)


def _line(name: str, typed: int, fields: float | None, cards: float | None, steers: float | None) -> str:
    return f"{name:24}{typed:>8}{_share(fields):>9}{_share(cards):>8}{'–' if steers is None else f'{steers:.2f}':>16}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
