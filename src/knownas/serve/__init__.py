"""The gateway, the profile API and what they need: parse, call, encode. No rules.

`routes.py` says what a route is; every `routes_*.py` gives routes; `http.py` alone knows the HTTP library.
"""
