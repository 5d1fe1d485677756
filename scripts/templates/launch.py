"""Runs a Python program with the variables of environment files, in the same process: launch.py FILE... -- ARGUMENT...

For a service supervisor that reads no such files. The arguments are those of Python: `-m MODULE ...` or `PROGRAM ...`.
A file has NAME=value lines, taken literally; later files win.
"""

import os
import runpy
import sys
from pathlib import Path


def main() -> None:
    """Read the files and become the program."""
    end = sys.argv.index("--")
    for file in sys.argv[1:end]:
        for line in filter(None, Path(file).read_bytes().decode().split("\n")):
            name, _, value = line.partition("=")
            os.environ[name] = value
    # what the program starts, such as flow runs, writes and prints UTF-8 as it does
    os.environ["PYTHONUTF8"] = "1"
    flag, *arguments = sys.argv[end + 1 :]
    if flag == "-m":
        sys.argv = arguments
        # the directory of this file is on the path as that of a program, but the program is another
        sys.path[0] = str(Path.cwd())
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [flag, *arguments]
        sys.path[0] = str(Path(flag).parent)
        runpy.run_path(flag, run_name="__main__")


if __name__ == "__main__":
    main()
