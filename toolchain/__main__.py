"""Runs the toolchain: `python -m toolchain env|run|clean`.

Parsed by whatever Python is there, however old, so that it can say which one is needed.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - this is where an older one is told so
    from toolchain.interpreter import hand_over

    hand_over(sys.argv[1:])

from toolchain.commands import main

sys.exit(main(sys.argv[1:]))
