"""What all tests share."""

import importlib
import os
import signal
import warnings

# gRPC's handlers of a fork have brought down programs that tests started as another user, before these were executed
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

# programs that tests start would inherit that these are ignored: SIGINT in a shell's background job, SIGHUP after nohup
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

with warnings.catch_warnings():
    # they warn of deprecated classes of their own whenever they are imported; in tests warnings are errors
    warnings.simplefilter("ignore", DeprecationWarning)
    for module in ("pulumi_command.remote.copy_file", "pulumi_postgresql"):
        importlib.import_module(module)
