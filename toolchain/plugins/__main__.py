"""`python -m toolchain.plugins NAME [ENGINE_ADDRESS]` starts one plugin, as the Pulumi engine would."""

import argparse

from toolchain.plugins.provider import Provider
from toolchain.plugins.server import serve


def _command() -> Provider:
    from toolchain.plugins.command.provider import CommandProvider  # noqa: PLC0415 - each needs its own libraries

    return CommandProvider()


def _postgresql() -> Provider:
    from toolchain.plugins.postgresql.provider import PostgresqlProvider  # noqa: PLC0415

    return PostgresqlProvider()


def main() -> None:
    """Serve until the engine goes away."""
    providers = {"command": _command, "postgresql": _postgresql}
    parser = argparse.ArgumentParser(prog="python -m toolchain.plugins", description=__doc__)
    parser.add_argument("name", choices=providers)
    parser.add_argument("engine_address", nargs="?", help="host:port of the engine, for its log")
    arguments, _ = parser.parse_known_args()
    serve(providers[arguments.name](), arguments.engine_address)


if __name__ == "__main__":
    main()
