"""The objects in a file, one after another, whatever the file is: the one reader of everything that people give us.

JSON lines, a JSON array, one JSON document; plain or compressed; Parquet; a folder or a name that `datasets` loads;
standard input. Nothing is held but the object that is looked at.
"""

from midcourse.records.read import records
from midcourse.records.record import Record
from midcourse.records.text import objects

__all__ = ["Record", "objects", "records"]
