"""Find People: one small language for who somebody is and what somebody did and did not do. Pure.

Reading order: `tree` (what a query can say), `vocabulary` (operators and fields, as tables), `reading` (the JSON form
to a tree, or an error with its place), `line` (the one-line form to the same), `writing` (a tree to both forms),
`moment` (days and windows as of a given time), `history` (what is known of what a person did, and since when it is
exact), `person` (what each field means), `evaluate` (one profile against a tree, and why).

Of many at once: `planes` (what an index is made of), `algebra` (sets of people as expressions, and programs),
`slices`, `bounds` (who is sure, who is possible), `view` (what is known of a shard), `plan` with `numbers`, `coded` and
`counting` (a tree to bounds), `asking` (the port to the shards), `cursor`, `answer` and `table` (pages, numbers, rows),
`twin` (programs over Python integers).
"""
