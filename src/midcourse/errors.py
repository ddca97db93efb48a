"""The exceptions of Midcourse, one for each boundary that a user can run into.

    MidcourseError                exit 1: something went wrong that the user did not cause
    ├── StoreError                the database is busy or out of reach, or a trace contradicts what is stored
    ├── TrainingError             training cannot go on (the loss is not finite, the self-check failed)
    ├── ElsewhereError            another process of the same run has said what is wrong
    ├── EndpointError             a server behind an address (a judge, an engine) does not answer
    ├── BusyError                 too many want something of the model; try again when it has less to do
    ├── HubError                  the Hugging Face hub does not take, or does not answer, what is pushed
    ├── Stopped                   exit 130: training was asked to stop, and can be resumed
    └── UserError                 exit 2: bad usage or input; nothing was changed
        ├── SteerError            an empty or impossible steer
        ├── InputErrors           every problem of one or more files, together
        ├── ConfigError           every problem of the settings, together
        ├── ModelError            a model, adapter or tokenizer that cannot be used
        ├── BadStoreError         a StoreError, too: damaged, of a newer version, or another program's
        ├── ContextError          more tokens than the model can see
        └── DiskError             no room, or no permission, to write where we were told to

Every message says what was found, where, and what to do. Invariants of our own are `assert`s, not exceptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class MidcourseError(Exception):
    """Base of all errors that Midcourse raises on purpose; `exit_code` is what the command line returns."""

    exit_code = 1


class StoreError(MidcourseError):
    """The store cannot be read or written, or must not take what it was given."""


class TrainingError(MidcourseError):
    """Training cannot go on; what was saved before stays."""


class ElsewhereError(MidcourseError):
    """Another process of the same run has failed with `exit_code`, and says why."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__("another process of this run has said what is wrong")


class EndpointError(MidcourseError):
    """A server elsewhere does not answer. What came before stays."""


class BusyError(MidcourseError):
    """Something else has to end before."""


class HubError(MidcourseError):
    """The Hugging Face hub does not take what is pushed, or does not answer."""


class Stopped(MidcourseError):
    """A run was asked to stop, and did after a checkpoint."""

    exit_code = 130


class UserError(MidcourseError):
    """Bad usage or input. Nothing was changed."""

    exit_code = 2


class SteerError(UserError):
    """A steer that says nothing (empty after trimming) or contradicts its trace."""


class ModelError(UserError):
    """A model, adapter or tokenizer that does not exist, cannot be loaded, or does not fit."""


class BadStoreError(UserError, StoreError):
    """A database that cannot be used as a store: damaged, of a newer version, or another program's."""


class ContextError(UserError):
    """A sequence is longer than the model's context."""


class DiskError(UserError):
    """The disk is full or the place to write to is not writable; nothing half-written was kept."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in an input: `where` is a file or a section, `line` is 1-based, `field` a dotted path."""

    where: str
    message: str
    line: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class ProblemsError(UserError):
    """An error that carries all problems at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        assert problems, "an error without a problem"
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class InputErrors(ProblemsError):
    """Every problem of the files that were read; nothing of them was taken."""


class ConfigError(ProblemsError):
    """Every problem of the settings that were given; nothing was started."""
