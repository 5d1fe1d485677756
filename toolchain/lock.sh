#!/bin/sh
# Writes the hash-locked requirements files from pyproject.toml.
set -eu

compile() {
    uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header \
        --no-emit-index-url --no-emit-find-links --no-annotate "$@"
}

compile pyproject.toml --output-file requirements.txt
compile --group dev --constraints requirements.txt --output-file tests/requirements.txt
compile --group azure --constraints requirements.txt --output-file components/azure/requirements.txt
compile --group go --output-file toolchain/go/requirements.txt
compile --group policies --output-file policies/requirements.txt
