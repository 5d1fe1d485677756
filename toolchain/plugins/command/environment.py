"""What a command finds in its environment about its last run."""

from toolchain.plugins.properties import Properties


def previous_output(properties: Properties) -> dict[str, str]:
    """`PULUMI_COMMAND_STDOUT` and `PULUMI_COMMAND_STDERR`, unless empty or switched off."""
    if properties.get("addPreviousOutputInEnv") is False:
        return {}
    streams = {name: properties.get(name) for name in ("stdout", "stderr")}
    return {f"PULUMI_COMMAND_{name.upper()}": text for name, text in streams.items() if text}
