"""The tables of a store. What each column means stands here; how they came about stands in `migrations/`.

Representation: a trace is one row of `traces` and, under its `seq`, rows of `spans`, `steers` and `runs`, numbered as
in the trace. Ids are packed int32, JSON is text, text is exact (`Words`). `steers` keeps decoded snippets, so that
listing needs no tokenizer; the `…_tags` tables, `trace_attributes`, `steer_serves`, `steer_words`, and the columns
`kind` and `abandoned` only serve searching and can be rebuilt.

Invariants:
- Rows of `spans` and `runs` are written once. `steers` change in their annotations alone, never in their runs.
- `origin`, `spans_digest`, `steers_digest` and `digest` of a trace are those that `rows` computes from the rest.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    false,
)

from midcourse.store.codec import Words

metadata = MetaData()

traces = Table(
    "traces",
    metadata,
    Column("seq", Integer, nullable=False),  # in the order of arrival; a page is a range of it
    Column("id", Words, nullable=False),
    Column("messages", Words, nullable=False),  # JSON
    Column("prompt", LargeBinary, nullable=False),
    Column("model", Words, nullable=False),
    Column("tokenizer", Words, nullable=False),
    Column("end_ids", LargeBinary, nullable=False),  # ascending
    Column("history", LargeBinary, nullable=False),  # places of the head
    Column("cursor", Integer, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("attributes", Words, nullable=False),  # JSON
    Column("tags", Words, nullable=False),  # JSON
    Column("weight", Double, nullable=False),
    Column("author", Words),
    Column("created", Words),
    Column("spans", Integer, nullable=False),  # how many rows of `spans` there are
    Column("steers", Integer, nullable=False),
    Column("origin", LargeBinary, nullable=False),  # digest of what never changes: messages, prompt, whose ids
    Column("spans_digest", LargeBinary, nullable=False),
    Column("steers_digest", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # of everything
    Column("tokens", Integer, nullable=False),  # of the accepted answer
    Column("steered", Boolean, nullable=False),
    Column("title", Words, nullable=False),  # what the user said last, shortened
    Column("answer", Words),  # how the accepted answer begins; NULL if nobody decoded it
    Column("words", Words, nullable=False),  # title and answer in lower case, to search in
    PrimaryKeyConstraint("seq", name="pk_traces"),
    UniqueConstraint("id", name="uq_traces_id"),
    Index("ix_traces_steered", "steered", "seq"),
    Index("ix_traces_model", "model", "seq"),
    sqlite_autoincrement=True,  # a number is never given twice
)

trace_tags = Table(
    "trace_tags",
    metadata,
    Column("tag", Words, nullable=False),
    Column("trace", Integer, nullable=False),
    PrimaryKeyConstraint("tag", "trace", name="pk_trace_tags"),
    ForeignKeyConstraint(["trace"], ["traces.seq"], name="fk_trace_tags_trace"),
    sqlite_with_rowid=False,
)

trace_attributes = Table(
    "trace_attributes",
    metadata,
    Column("name", Words, nullable=False),
    Column("trace", Integer, nullable=False),
    Column("value", Double),  # NULL is not a number
    PrimaryKeyConstraint("name", "trace", name="pk_trace_attributes"),
    ForeignKeyConstraint(["trace"], ["traces.seq"], name="fk_trace_attributes_trace"),
    sqlite_with_rowid=False,
)

spans = Table(
    "spans",
    metadata,
    Column("trace", Integer, nullable=False),
    Column("id", Integer, nullable=False),
    Column("parent", Integer),
    Column("fork", Integer, nullable=False),
    Column("source", Words, nullable=False),
    Column("ids", LargeBinary, nullable=False),
    Column("logprobs", LargeBinary),
    PrimaryKeyConstraint("trace", "id", name="pk_spans"),
    ForeignKeyConstraint(["trace"], ["traces.seq"], name="fk_spans_trace"),
    ForeignKeyConstraint(["trace", "parent"], ["spans.trace", "spans.id"], name="fk_spans_parent"),
)

steers = Table(
    "steers",
    metadata,
    Column("trace", Integer, nullable=False),
    Column("id", Integer, nullable=False),
    Column("ends", Boolean, nullable=False),
    Column("reason", Words),
    Column("tags", Words, nullable=False),  # JSON
    Column("weight", Double, nullable=False),
    Column("author", Words),
    Column("created", Words),
    Column("context", Words),  # the last words before the fork; NULL if nobody decoded it
    Column("chosen", Words),
    Column("rejected", Words),  # JSON: a list of texts
    Column("aside", Boolean, nullable=False, server_default=false()),
    Column("kind", Words, nullable=False, server_default="correction"),
    Column("abandoned", Boolean, nullable=False, server_default=false()),  # not on the path to the head
    Column("serves", Words, nullable=False, server_default="[]"),  # JSON: names of attributes
    PrimaryKeyConstraint("trace", "id", name="pk_steers"),
    ForeignKeyConstraint(["trace"], ["traces.seq"], name="fk_steers_trace"),
    # What is filtered by stands in both, so that even filters that never meet are found without reading a wide row.
    Index("ix_steers_author", "author", "trace", "id", "kind", "aside", "abandoned"),
    Index("ix_steers_review", "trace", "id", "kind", "aside", "abandoned", "author"),
)

runs = Table(
    "runs",
    metadata,
    Column("trace", Integer, nullable=False),
    Column("steer", Integer, nullable=False),
    Column("place", Integer, nullable=False),  # 0 is the chosen run, the rejected ones count from 1
    Column("span", Integer, nullable=False),
    Column("start", Integer, nullable=False),
    Column("stop", Integer, nullable=False),
    PrimaryKeyConstraint("trace", "steer", "place", name="pk_runs"),
    ForeignKeyConstraint(["trace", "steer"], ["steers.trace", "steers.id"], name="fk_runs_steer"),
    ForeignKeyConstraint(["trace", "span"], ["spans.trace", "spans.id"], name="fk_runs_span"),
    sqlite_with_rowid=False,
)

steer_tags = Table(
    "steer_tags",
    metadata,
    Column("tag", Words, nullable=False),
    Column("trace", Integer, nullable=False),
    Column("steer", Integer, nullable=False),
    PrimaryKeyConstraint("tag", "trace", "steer", name="pk_steer_tags"),
    ForeignKeyConstraint(["trace", "steer"], ["steers.trace", "steers.id"], name="fk_steer_tags_steer"),
    sqlite_with_rowid=False,
)

steer_serves = Table(
    "steer_serves",
    metadata,
    Column("name", Words, nullable=False),
    Column("trace", Integer, nullable=False),
    Column("steer", Integer, nullable=False),
    PrimaryKeyConstraint("name", "trace", "steer", name="pk_steer_serves"),
    ForeignKeyConstraint(["trace", "steer"], ["steers.trace", "steers.id"], name="fk_steer_serves_steer"),
    sqlite_with_rowid=False,
)

steer_words = Table(
    "steer_words",  # apart from `steers`, so that a search reads as little as it can
    metadata,
    Column("trace", Integer, nullable=False),
    Column("steer", Integer, nullable=False),
    Column("words", Words, nullable=False),  # context, chosen, rejected and reason in lower case
    PrimaryKeyConstraint("trace", "steer", name="pk_steer_words"),
    ForeignKeyConstraint(["trace", "steer"], ["steers.trace", "steers.id"], name="fk_steer_words_steer"),
    sqlite_with_rowid=False,
)

drawer = Table(
    "drawer",  # small things that belong to no trace, by a key such as "preferences"
    metadata,
    Column("key", Words, nullable=False),
    Column("value", Words, nullable=False),  # JSON
    PrimaryKeyConstraint("key", name="pk_drawer"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, nullable=False),
    Column("kind", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("created", Words, nullable=False),
    Column("started", Words),
    Column("ended", Words),
    Column("command", Words, nullable=False),
    Column("folder", Words),
    Column("recipe", Words, nullable=False),  # JSON
    Column("steers", Integer, nullable=False),
    Column("message", Words),
    Column("metrics", Words),  # JSON
    Column("pid", Integer),
    Column("beat", Double),  # when its process was last heard of, in seconds since 1970
    Column("points", Integer, nullable=False),  # how many rows of `job_points` there are
    Column("changed", Integer, nullable=False),  # one counter for all jobs: the greatest is the latest change
    PrimaryKeyConstraint("id", name="pk_jobs"),
    Index("ix_jobs_changed", "changed"),
    sqlite_autoincrement=True,
)

job_points = Table(
    "job_points",
    metadata,
    Column("job", Integer, nullable=False),
    Column("n", Integer, nullable=False),  # from 0
    Column("point", Words, nullable=False),  # JSON
    PrimaryKeyConstraint("job", "n", name="pk_job_points"),
    ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_job_points_job"),
    sqlite_with_rowid=False,
)
