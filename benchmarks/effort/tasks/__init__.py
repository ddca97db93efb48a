"""The tasks of the effort benchmark: a question is drawn, an answer is checked by a program, and a person can steer it.

Each task is about something else that people correct in a model's answers. All of them are small enough for a model of
135 million parameters, which writes a good part of each answer rightly by itself.

| task | kind | what is wrong at first |
|---|---|---|
| `cards` | a structured format | everything about the house format |
| `british` | a wording rule with many cases | a word here and there |
| `replies` | a style rule with few cases | the voice |
| `worksheet` | a long procedure | a word here and there, a step in the middle, and what follows from it |
| `tips` | a length and an ending | where to stop |

A task's prompts come in three splits that share no fact (no name, product, topic, number pair …); only the house rule
is the same. The same split, seed and count give the same prompts, and a smaller count gives the first of them.
"""

from benchmarks.effort.tasks.british import British
from benchmarks.effort.tasks.cards import Cards
from benchmarks.effort.tasks.replies import Replies
from benchmarks.effort.tasks.task import Grade, Prompt, Split, Task
from benchmarks.effort.tasks.tips import Tips
from benchmarks.effort.tasks.worksheet import Worksheet

TASKS: dict[str, Task] = {task.name: task for task in (Cards(), Worksheet(), Replies(), Tips(), British())}
NAMES = tuple(TASKS)


def named(name: str) -> Task:
    """The task of that name. Raises `KeyError` if there is none."""
    return TASKS[name]


__all__ = ["NAMES", "TASKS", "Grade", "Prompt", "Split", "Task", "named"]
