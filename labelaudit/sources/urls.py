"""Addresses of data that is not a local file: s3://, gs://, az://, https://, hf://; nothing is opened here."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from labelaudit.core.errors import ConfigError, DataError

# The extra of labelaudit that brings the filesystem of each protocol; "" where fsspec itself has it.
EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "az": "azure",
    "abfs": "azure",
    "abfss": "azure",
    "hf": "hf",
    "https": "http",
    "http": "http",
    "memory": "",
    "file": "",
}
_WEB = ("http", "https")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.:-]+)://")  # two letters at least: C:// is a drive


@dataclass(frozen=True, slots=True)
class Url:
    """An address that fsspec can open; it has a name and a suffix, as a Path has."""

    text: str  # as the user wrote it

    def __str__(self) -> str:
        """Return the address for messages: without what follows a question mark, which may be a secret."""
        return self.text.partition("?")[0] if self.is_web else self.text

    @property
    def protocol(self) -> str:
        """What stands before "://"."""
        return self.text.partition("://")[0].lower()

    @property
    def is_web(self) -> bool:
        """Whether it is a plain web server, which cannot list what it has."""
        return self.protocol in _WEB

    @property
    def name(self) -> str:
        """The last part of the path."""
        return posixpath.basename(str(self).rstrip("/"))

    @property
    def suffix(self) -> str:
        """Suffix of the name with its dot, or nothing."""
        return posixpath.splitext(self.name)[1]

    @property
    def parent(self) -> Url:
        """The folder around it."""
        return Url(str(self).rstrip("/").rpartition("/")[0])

    def join(self, path: str) -> Url:
        """Return the address of a relative path below this folder; ".." goes up, never beyond the host or bucket."""
        protocol, _, rest = str(self).partition("://")
        host, _, folder = rest.partition("/")
        written = quote(path) if self.is_web else path
        inside = posixpath.normpath(posixpath.join("/", folder, written)).lstrip("/")
        return Url(f"{protocol}://{host}/{inside}")


Place = Path | Url


def is_url(text: str) -> bool:
    """Return whether a text is the address of something."""
    return _URL.match(text) is not None


def parse_url(text: str) -> Place:
    """Return the address, or the path where it is a file:// of this machine.

    Raises:
        ConfigError: a protocol that is not supported.
    """
    protocol, _, rest = text.partition("://")
    if protocol.lower() == "file":
        return Path(unquote(rest.removeprefix("localhost")))
    if protocol.lower() not in EXTRAS:
        known = ", ".join(f"{name}://" for name in EXTRAS if name != "memory")
        raise ConfigError(f"{text}: {protocol}:// is not supported.", hint=f"Supported: {known}.")
    return Url(text)


def next_step(url: Url, status: int | None) -> str:
    """Return the hint for an address that cannot be read."""
    if status == 404:
        return "Check the address: the bucket or host, the path, and upper and lower case."
    if status in (401, 403):
        return f"Check that these credentials may read it; {_CREDENTIALS.get(EXTRAS[url.protocol], 'log in again')}."
    if status is None:
        return f"Check the address and the connection; {_CREDENTIALS.get(EXTRAS[url.protocol], 'then try again')}."
    return "The server has a problem; try again later."


_CREDENTIALS = {
    "s3": "keys are taken from AWS_PROFILE, AWS_ACCESS_KEY_ID or ~/.aws, as by the aws command",
    "gcs": "log in with: gcloud auth application-default login",
    "azure": "set AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT_NAME and a key",
    "hf": "log in with: hf auth login",
}


def unreadable_source(url: Url, error: OSError, status: int | None) -> DataError:
    """Return the error for a source that as a whole cannot be read."""
    text = str(error)
    where = "" if text.startswith(str(url)) else f"{url}: "
    return DataError(f"{where}{text.rstrip('.')}.", hint=next_step(url, status))
