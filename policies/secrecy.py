"""Secrets are secret, and nobody else's."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.resources import PREFECT, Resource, Secret, texts
from policies.steps import ON_SERVERS, ON_THIS_MACHINE, Script, WrittenFile, step

KEY = re.compile(
    r"(?i)(password|passwd|passphrase|secret|token|credential|private_?key|auth_?string|encryption_?key|webhook)$"
)
"""What a name ends with that stands for a secret. A name of a file with one in it ends with something else."""
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
URL_WITH_PASSWORD = re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s:@]+@")
REMEDY = "Give it as a secret of the stack: pulumi config set --secret KEY, then rotate the one that was shown."
SECRET_INPUTS = {"SecretBlock": "value", "Block": "secrets"}
"""Inputs of objects in Prefect that are secret as a whole."""
DEFAULTS = {
    *("admin", "administrator", "changeme", "change-me", "default", "example", "password", "passw0rd", "pass"),
    *("postgres", "prefect", "root", "secret", "test", "toor", "123456", "12345678", "123456789", "qwerty", "letmein"),
}
"""What comes first to whoever tries passwords: the defaults of manuals and of container images."""


def no_default_password(resource: Resource) -> Iterator[str]:
    """Require passwords that nobody knows. What a plan hides cannot be judged; the settings refuse short ones."""
    for where, value in _secret_values(resource):
        if _is_default(value):
            yield (
                f"{where} is a password that everybody tries first. Generate one: "
                "openssl rand -hex 20 | pulumi config set --secret KEY (make does so for a key that is not set)."
            )


def no_secret_in_clear(resource: Resource) -> Iterator[str]:
    """Require that no secret stands in clear text in the plan, and so in the state, in logs and in comments."""
    for where, value in _named_values(resource):
        if KEY.search(where) and value and not isinstance(value, Secret):
            yield f"{where} is a secret in clear text. {REMEDY}"
    for path, text in texts(resource.values):
        # a script asks for secrets by name, but holds none
        own = text.partition("\n\n")[0] if isinstance(step(resource), Script) else text
        if PRIVATE_KEY.search(own):
            yield f"{path} holds a private key in clear text. {REMEDY}"
        if URL_WITH_PASSWORD.search(own):
            yield f"{path} holds a URL with a password in clear text. {REMEDY}"
    yield from _open_objects(resource)
    yield from _open_files(resource)


def _open_objects(resource: Resource) -> Iterator[str]:
    """Yield what of an object in Prefect is open that should be secret, or can be nothing but open."""
    kind, name = resource.type.removeprefix(PREFECT), resource.inputs.get("name")
    whole = SECRET_INPUTS.get(kind, "")
    if isinstance(resource.inputs.get(whole), str):
        yield f"{whole} of a block is in clear text. {REMEDY}"
    if kind == "Variable" and KEY.search(str(name)):
        yield (
            "is a variable, which everybody may read who may log in to Prefect. Make it a secret block: "
            "pulumi config set --secret secretBlock-NAME, then rotate the one that was shown."
        )


def _open_files(resource: Resource) -> Iterator[str]:
    done = step(resource)
    if not isinstance(done, WrittenFile):
        return
    if done.content and ".secrets." in done.path:
        yield f"{done.path} is a file for secrets, but its content is no secret. {REMEDY}"
    if isinstance(resource.inputs.get("stdin"), Secret) and int(done.mode, 8) & 0o007:
        yield f"{done.path} holds a secret, but anybody on the host may read it (mode {done.mode}). Give it mode 0600."


def _secret_values(resource: Resource) -> Iterator[tuple[str, str]]:
    for where, value in _named_values(resource):
        shown = value.value if isinstance(value, Secret) else value
        if KEY.search(where) and isinstance(shown, str):
            yield where, shown


def _is_default(value: str) -> bool:
    user, _, password = value.rpartition(":")
    return value.lower() in DEFAULTS or (bool(user) and password.lower() in {*DEFAULTS, user.lower()})


def _named_values(resource: Resource) -> Iterator[tuple[str, Any]]:
    """Yield what has a name: inputs at any depth, settings of scripts, variables of environment files."""
    yield from _leaves(resource.values)
    if resource.type in (ON_SERVERS, ON_THIS_MACHINE):
        yield from _lines(resource)


def _lines(resource: Resource) -> Iterator[tuple[str, str]]:
    stdin = resource.inputs.get("stdin")
    text = stdin.value if isinstance(stdin, Secret) else None
    if isinstance(text, str):  # shown to us, still a secret
        shown = Resource(type=resource.type, name=resource.name, inputs={**resource.inputs, "stdin": text})
        yield from ((name, Secret(value)) for name, value in _pairs(shown).items())  # type: ignore[misc]
    else:
        yield from _pairs(resource).items()


def _pairs(resource: Resource) -> Mapping[str, str]:
    done = step(resource)
    if isinstance(done, Script):
        return done.settings
    return done.variables if isinstance(done, WrittenFile) else {}


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, path)
    elif isinstance(value, str | Secret):
        yield path, value
