"""What can go wrong here is never a record's fault: it is one line that says what to do."""


class EmbeddedError(Exception):
    """An embedded service cannot run; the message is one line for the person at the terminal."""


def not_installed(what: str) -> EmbeddedError:
    """A production install leaves the embedded services out, so the way to get them belongs in the message."""
    return EmbeddedError(
        f"the embedded {what} is not installed: run pip install 'knownas[embedded]',"
        " or name running services in KNOWNAS_KAFKA and KNOWNAS_REDIS"
    )
