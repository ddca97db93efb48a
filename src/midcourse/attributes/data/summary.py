"""What rated conversations hold: counted row by row, so that it takes no memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from midcourse.attributes.rows import HUMAN, Row
from midcourse.attributes.schema import Schema, written
from midcourse.words import counted


class Summary:
    """Counts of what was added."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.rows = self.answers = self.context = self.unrated = 0
        self.groups: Counter[str] = Counter()
        self.levels: dict[str, Counter[float]] = {name: Counter() for name in schema.names}
        self.sums: Counter[str] = Counter()
        self.sources: dict[str, Counter[str]] = {name: Counter() for name in schema.names}

    def add(self, row: Row) -> None:
        """Count `row`."""
        self.rows += 1
        self.groups[row.group] += 1
        self.context += sum(turn.context for turn in row.turns)
        for answer in row.answers:
            self.answers += 1
            self.unrated += not answer.turn.ratings
            for name, rating in answer.turn.ratings.items():
                self.levels[name][self.schema[name].snap(rating.value)] += 1
                self.sums[name] += rating.value  # type: ignore[assignment]  # a Counter adds floats as well
                self.sources[name][rating.by] += 1

    def rated(self, name: str) -> int:
        """How many answers have a value of the attribute `name`."""
        return self.levels[name].total()

    def mean(self, name: str) -> float | None:
        """The mean of the attribute `name`; None where nobody rated it."""
        return self.sums[name] / self.rated(name) if self.rated(name) else None

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "rows": self.rows,
            "prompts": len(self.groups),
            "answers": self.answers,
            "unrated": self.unrated,
            "context": self.context,
            "attributes": {name: self._attribute(name) for name in self.schema.names},
        }

    def _attribute(self, name: str) -> Mapping[str, Any]:
        levels = self.levels[name]
        return {
            "rated": self.rated(name),
            "missing": self.answers - self.rated(name),
            "mean": self.mean(name),
            "levels": {written(level): levels[level] for level in self.schema[name].levels if len(levels) <= 20},
            "by": dict(self.sources[name]),
        }

    def lines(self) -> list[str]:
        """For a person."""
        found = [
            f"{counted(self.answers, 'answer')} in {counted(self.rows, 'row')} of {counted(len(self.groups), 'prompt')}"
            + (f"; {self.context:,} more are only context" if self.context else "")
            + (f"; {self.unrated:,} have no rating" if self.unrated else "")
        ]
        wide = max(map(len, self.schema.names))
        for name in self.schema.names:
            mean = self.mean(name)
            if mean is None:
                found.append(f"  {name:<{wide}}  nobody rated it")
                continue
            levels = self.levels[name]
            spread = "  ".join(
                f"{written(level)}: {levels[level]:,}" for level in self.schema[name].levels if levels[level]
            )
            missing = self.answers - self.rated(name)
            others = [f"{count:,} by {by}" for by, count in self.sources[name].items() if by != HUMAN]
            more = [f"{missing:,} missing"] * bool(missing) + others
            found.append(f"  {name:<{wide}}  mean {mean:.2f}  {spread}" + (f"  ({', '.join(more)})" if more else ""))
        return found
