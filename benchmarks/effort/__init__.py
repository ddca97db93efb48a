"""What steers are worth: quality against typed tokens, for every method, on tasks that a program can check.

`plan` says which cells there are, `ledger` which of them are done and who works on what, `cell` runs one; `material`
keeps what is dear. `verdicts`, `tables` and `plots` read nothing but the finished cells.
"""
