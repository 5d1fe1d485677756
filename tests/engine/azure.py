"""What a clone needs to preview a stack in Azure: the library, and a test double in the plugin's place."""

import importlib.util
import shlex
import shutil
import sys
from pathlib import Path

from tests.engine.checkout import SOURCE, link_or_copy
from toolchain import files, virtualenv
from toolchain.layout import Layout

LIBRARY = "pulumi_azure_native"


def is_installed() -> bool:
    """Tell whether the tests' own environment has the library."""
    return importlib.util.find_spec(LIBRARY) is not None


def add_azure(layout: Layout) -> None:
    """Give a clone that has the program's libraries those for Azure too, and the plan-only provider."""
    found = importlib.util.find_spec(LIBRARY)
    assert found
    assert found.origin
    (site_packages,) = layout.venv.glob("lib/python*/site-packages")
    library = Path(found.origin).parent
    for source in (library, *library.parent.glob(f"{LIBRARY}-*.dist-info")):
        shutil.copytree(source, site_packages / source.name, copy_function=link_or_copy, ignore=_compiled)
    locks = [layout.requirements, layout.azure_requirements]
    files.place_text(layout.venv / "installed", virtualenv.contents(layout.venv, locks))
    version = layout.azure_version
    plugin = layout.pulumi_home / "plugins" / f"resource-azure-native-v{version}" / "pulumi-resource-azure-native"
    plugin.parent.mkdir(parents=True)
    command = f"exec {shlex.quote(sys.executable)} -m tests.azure.plan_only_provider"
    files.place_text(
        plugin, f"#!/bin/sh\ncd {shlex.quote(str(SOURCE))}\nexport PYTHONPATH=.\n{command}\n", files.EXECUTABLE
    )


def _compiled(_directory: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__"]
