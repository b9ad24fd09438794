"""knownas keeps a live profile of every person who launches an app or visits a site, from streams of events.

    producers -> events, updates -> RESOLVE  (whose is it?)      -> resolved, ledger, rejected
                 resolved        -> MATERIALIZE (fold, store)    -> Redis, profile-changed

Reading order: `nouns` (the values), `records` (bytes to record), `identity` (the rules, facts, claims), `profile`
(properties, types, the fold), `plain` (the whole system once more, simply), `stages` (the order of effects),
`adapters` (Kafka, Faust, Redis), `operate`, `wiring` (how it is put together), `cli`.
"""

__version__ = "0.1.0"
