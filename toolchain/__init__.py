"""Gets Python libraries, the Pulumi CLI and its plugins into this checkout, and hands out their settings.

What runs before the project's libraries are installed needs the standard library only. Everything lands in
`.local/`, which Git ignores.
"""
