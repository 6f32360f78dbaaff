"""How pairs are found: one strategy a file, the best first.

`branch`, `same_request` and `neighbour` put turns in groups and pair within them at the first
decision that differs; `recovery` (a kind of branch) and `retry` look at one turn and those that
follow it; `unpaired` is for turns without a partner. All are functions of scored turns alone.
"""
