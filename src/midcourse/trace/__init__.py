"""Traces as values: spans, steers, text ⇄ ids, and the file format. No torch, no database."""

from midcourse.trace.tree import ROOT, SOURCES, Message, Point, Run, Source, Span, Steer, Trace, problems

__all__ = ["ROOT", "SOURCES", "Message", "Point", "Run", "Source", "Span", "Steer", "Trace", "problems"]
