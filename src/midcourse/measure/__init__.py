"""What changed: margins, replay, effort and drift on held-out traces, before and after; `report` draws it."""
