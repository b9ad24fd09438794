"""Certificates for tests, made by openssl: an authority, a server's for 127.0.0.1, and ones that do not match."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

DAYS = "2"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Pair(NamedTuple):
    """A certificate and its key, as files."""

    cert: Path
    key: Path


class Authority:
    """An authority of one's own, in a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        if shutil.which("openssl") is None:
            pytest.skip("openssl is missing, so there are no certificates: apt-get install openssl")
        self._folder = folder
        self.own = Pair(folder / f"{name}.pem", folder / f"{name}.key")
        _openssl("req", "-x509", *KEY, "-subj", f"/CN={name}", "-days", DAYS, *_files(self.own))

    def signs(self, name: str, address: str = "IP:127.0.0.1") -> Pair:
        """A certificate for a server at that address."""
        made = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request = self._folder / f"{name}.csr"
        _openssl("req", *KEY, "-subj", f"/CN={name}", "-keyout", str(made.key), "-out", str(request))
        extension = self._folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={address}\n")
        _openssl(
            "x509", "-req", "-in", str(request), "-CA", str(self.own.cert), "-CAkey", str(self.own.key),
            "-CAcreateserial", "-days", DAYS, "-extfile", str(extension), "-out", str(made.cert),
        )  # fmt: skip
        return made


def _files(pair: Pair) -> tuple[str, ...]:
    return "-keyout", str(pair.key), "-out", str(pair.cert)


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)
