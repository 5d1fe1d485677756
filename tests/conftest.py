"""What all tests share."""

import importlib
import warnings

with warnings.catch_warnings():
    # they warn of deprecated classes of their own whenever they are imported; in tests warnings are errors
    warnings.simplefilter("ignore", DeprecationWarning)
    for module in ("pulumi_command.remote.copy_file", "pulumi_postgresql"):
        importlib.import_module(module)
