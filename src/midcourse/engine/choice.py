"""How a person wants the next token to be chosen, whichever engine chooses it. Plain Python: nothing here needs torch.

Invariant: the random number at a position comes from a hash of the seed and the position, not from a generator with a
state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from midcourse.errors import ConfigError, Problem, UserError

STRONGEST = 20  # guidance beyond this gives the same few tokens again and again


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose from a distribution. The defaults are greedy; the filters apply in the order of the fields."""

    temperature: float = 0.0
    """0 takes the most probable token; 1 samples from the model's own distribution."""
    top_k: int = 0
    """Keep only the k most probable tokens; 0 keeps all."""
    top_p: float = 1.0
    """Keep the fewest most probable tokens whose probabilities sum up to p (arXiv 1904.09751)."""
    min_p: float = 0.0
    """Keep tokens with at least this share of the most probable one's probability (arXiv 2407.01082)."""
    seed: int = 0
    """Another seed is another answer; the same seed is the same answer."""
    guidance: float = 1.0
    """γ of classifier-free guidance: how far to go from what nothing asked for gives to what the attributes ask for,
    and beyond; 1 is the model as it is, and costs nothing (arXiv 2306.17806)."""

    def __post_init__(self) -> None:
        bounds = {
            "temperature": (0 <= self.temperature < float("inf"), "0 or more"),
            "top_k": (self.top_k >= 0, "0 or more"),
            "top_p": (0 < self.top_p <= 1, "above 0 and at most 1"),
            "min_p": (0 <= self.min_p <= 1, "between 0 and 1"),
            "guidance": (0 <= self.guidance <= STRONGEST, f"between 0 and {STRONGEST}"),
        }
        if wrong := [
            Problem("sampling", f"{getattr(self, name)} is not {rule}", field=name)
            for name, (fits, rule) in bounds.items()
            if not fits
        ]:
            raise ConfigError(wrong)


def needed(sampling: Sampling, neutral: Sequence[int] | None) -> Sequence[int] | None:
    """The neutral ids where guidance looks at them. Raises `UserError` where it would and there are none."""
    if sampling.guidance == 1:
        return None
    if neutral is None:
        raise UserError(
            f"guidance {sampling.guidance:g} leads away from an answer for which nothing is asked, and no attribute is "
            "asked for"
        )
    return neutral


def uniform(seed: int, position: int) -> float:
    """A number in [0, 1) that belongs to this seed and position; the same on every machine and device."""
    digest = hashlib.blake2b(f"{seed}:{position}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53
