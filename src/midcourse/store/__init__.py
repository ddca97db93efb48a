"""Where traces are kept: SQLite by default, PostgreSQL by URL. `Store` is all that others use."""

from midcourse.store.database import file
from midcourse.store.facets import Facet, Facets
from midcourse.store.filters import SteersWhere, TracesWhere
from midcourse.store.jobs import Change, Job, Jobs
from midcourse.store.listing import Page, SteerRow, TraceRow
from midcourse.store.snippets import Decode
from midcourse.store.store import Added, Count, Store, Taken

__all__ = [
    "Added",
    "Change",
    "Count",
    "Decode",
    "Facet",
    "Facets",
    "Job",
    "Jobs",
    "Page",
    "SteerRow",
    "SteersWhere",
    "Store",
    "Taken",
    "TraceRow",
    "TracesWhere",
    "file",
]
