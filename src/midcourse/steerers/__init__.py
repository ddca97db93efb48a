"""Who steers when no person does: an oracle with a reference, and a teacher model."""

from midcourse.steerers.batch import BatchWriter, steer_batch
from midcourse.steerers.follow import Divergence, Follower
from midcourse.steerers.oracle import Oracle
from midcourse.steerers.steerer import Attention, Effort, Steerer, effort, steer_answer
from midcourse.steerers.teacher import Proposal, Teacher
from midcourse.steerers.where import Where, at_depth, diverging_from, least_sure

__all__ = [
    "Attention",
    "BatchWriter",
    "Divergence",
    "Effort",
    "Follower",
    "Oracle",
    "Proposal",
    "Steerer",
    "Teacher",
    "Where",
    "at_depth",
    "diverging_from",
    "effort",
    "least_sure",
    "steer_answer",
    "steer_batch",
]
