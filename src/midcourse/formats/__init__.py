"""Corrections as other tools write them, and as people have them: each format makes native lines of its objects."""

from midcourse.formats.item import Item, Native
from midcourse.formats.read import Came, Input, inputs, read
from midcourse.formats.settings import FormatName, Reading

__all__ = ["Came", "FormatName", "Input", "Item", "Native", "Reading", "inputs", "read"]
