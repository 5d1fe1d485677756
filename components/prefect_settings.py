"""Which settings Prefect knows, and of what form each is. Prefect itself ignores an unknown name without a word.

The table beside this module is made from Prefect's own settings by toolchain/prefect_settings.py.
https://docs.prefect.io/v3/api-ref/settings-ref
"""

import difflib
import json
import re
from functools import cache
from pathlib import Path

PREFIX = "PREFECT_"

_NUMBER = r"-?[0-9]+(\.[0-9]+)?"
_ISO_DURATION = r"P(?=.)([0-9]+D)?(T(?=.)([0-9]+H)?([0-9]+M)?([0-9]+S)?)?"
_FORMS = {
    "boolean": (r"true|false", "true or false", "true"),
    "integer": (r"-?[0-9]+", "a whole number", "10"),
    "number": (_NUMBER, "a number", "10"),
    "seconds": (rf"{_NUMBER}|{_ISO_DURATION}", "seconds, or an ISO 8601 duration such as P30D", "P30D"),
    # https://docs.pydantic.dev: plain seconds are refused here
    "duration": (_ISO_DURATION, "an ISO 8601 duration such as P7D or PT12H", "P7D"),
    "text": (r"[^\n'\"\\]*", "one line without quotes and backslashes", "text"),
}

BY_ANOTHER_KEY = {
    "PREFECT_LOGGING_LEVEL": "server.logLevel",
    "PREFECT_SERVER_LOGGING_LEVEL": "server.logLevel",
    "PREFECT_LOGGING_SERVER_LEVEL": "server.logLevel",
    "PREFECT_SERVER_API_PORT": "server.port",
    "PREFECT_SERVER_UI_API_URL": "nginx.publicUrl",
    "PREFECT_UI_URL": "nginx.publicUrl",
    "PREFECT_SERVER_UI_SERVE_BASE": "nginx.publicUrl",
    "PREFECT_SERVER_API_BASE_PATH": "nginx.publicUrl",
    "PREFECT_API_AUTH_STRING": "the secret authString",
    "PREFECT_SERVER_API_AUTH_STRING": "the secret authString",
}
_FIXED = re.compile(
    r"PREFECT_(HOME|PROFILES_PATH|API_URL|API_KEY|SERVER_API_HOST|SERVER_UI_STATIC_DIRECTORY"
    r"|API_DATABASE_\w+|SERVER_DATABASE_(CONNECTION_URL|DRIVER|HOST|PORT|USER|NAME|PASSWORD|MIGRATE_ON_START))"
)


@cache
def known() -> dict[str, str | list[str]]:
    """Return the form of every setting by the name of its environment variable."""
    table: dict[str, str | list[str]] = json.loads(Path(__file__).with_suffix(".json").read_text())
    return table


def name_problem(name: str) -> str | None:
    """Return what is allowed in place of a name that cannot be set, None for one that can."""
    if name in BY_ANOTHER_KEY:
        return f"nothing: it is set by {BY_ANOTHER_KEY[name]}"
    if _FIXED.fullmatch(name):
        return "nothing: it follows from how the server is set up"
    if name not in known():
        near = next(iter(difflib.get_close_matches(name, known(), n=1)), None)
        return f"a setting that Prefect knows{f'; did you mean {near}?' if near else ''}"
    return None


def value_problem(name: str, value: str) -> tuple[str, str] | None:
    """Return what is allowed, and an example, where Prefect would not take `value` for the setting `name`."""
    form = known()[name]
    if isinstance(form, list):
        return None if value in form else (f"one of {', '.join(form)}", form[0])
    pattern, allowed, example = _FORMS[form]
    return None if re.fullmatch(pattern, value) else (allowed, example)
