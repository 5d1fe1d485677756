"""A package source for PostgreSQL where the distribution's version is not the wanted one: apt's file for it, as text.

https://manpages.debian.org/bookworm/apt/sources.list.5.en.html; PostgreSQL's own source is told of in
https://wiki.postgresql.org/wiki/Apt.
"""

from dataclasses import dataclass

PATH = "/etc/apt/sources.list.d/prefect-postgresql.sources"

LINE = r"deb( \[arch=[a-z0-9,]+\])? (https?|file):/[^\s\[\]]+ ([\w./~-]*[\w.~-]( [\w./-]+)+|[\w./~-]*/)"
"""A suite with components, or a directory: a suite that ends with a slash."""
LINE_RULE = "a line as in /etc/apt/sources.list: deb URI SUITE COMPONENT..., of options only [arch=...]"
LINE_EXAMPLE = "deb https://apt.postgresql.org/pub/repos/apt bookworm-pgdg main"

SIGNING_KEY = r"(?s)\s*-----BEGIN PGP PUBLIC KEY BLOCK-----\n.+\n-----END PGP PUBLIC KEY BLOCK-----\s*"
SIGNING_KEY_RULE = "an armored key, as in: pulumi config set --path postgres.aptSource.signingKey <key.asc"


@dataclass(frozen=True, kw_only=True)
class AptSource:
    """Where apt finds PostgreSQL: a repository, and the key that signs it and nothing else."""

    line: str
    """Of the form `LINE`."""
    signing_key: str
    """Of the form `SIGNING_KEY`."""


def sources_file(source: AptSource) -> str:
    """Return the content of `PATH`, in the format deb822, the key in it as apt 2.4 (Ubuntu 22.04) and newer read it."""
    fields = source.line.split()
    architectures = [fields.pop(1).strip("[]").removeprefix("arch=")] if fields[1].startswith("[") else []
    _, uri, suite, *components = fields
    key = (line.strip() or "." for line in source.signing_key.strip().splitlines())
    lines = [
        "Types: deb",
        f"URIs: {uri}",
        f"Suites: {suite}",
        *([f"Components: {' '.join(components)}"] if components else []),
        *(f"Architectures: {names.replace(',', ' ')}" for names in architectures),
        "Signed-By:",
        *(f" {line}" for line in key),
    ]
    return "\n".join(lines) + "\n"
