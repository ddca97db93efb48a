"""Rated conversations from files and into files, and which of them are held out."""

from midcourse.attributes.data.read import Entry, read, rows
from midcourse.attributes.data.sample import sample
from midcourse.attributes.data.settings import Reading
from midcourse.attributes.data.split import split

__all__ = ["Entry", "Reading", "read", "rows", "sample", "split"]
