"""The third form of a query: rows to fill in, as a page shows them. Pure, and one tree with the other two forms.

`model.py` says what a form holds, `fields.py` reads it from what a browser sends, `asking.py` (with `objects.py`, a row
at a time) makes it a query or says what is wrong in which row, `showing.py` makes a form of a query, `editing.py` adds
and removes rows, `texts.py` are values as somebody types them, `offers.py` what may be chosen where.

Whatever can be asked has a form: a condition that no row has fields for is a row with its one-line form.
"""
