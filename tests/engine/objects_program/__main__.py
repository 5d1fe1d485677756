"""Objects in a Prefect server that somebody else runs, by name KIND or KIND-ANYTHING: the resources, and no host."""

from typing import Any

import pulumi

from components.prefect_api import resources

config = pulumi.Config()
secret = config.require_secret("secret")
SECRETS: dict[str, dict[str, Any]] = {
    "SecretBlock": {"value": secret},
    "Block": {"secrets": {"aws_secret_access_key": secret}},
}

for name, arguments in config.require_object("objects").items():
    kind = name.partition("-")[0]
    resource = getattr(resources, kind)
    resource(name, api_url=config.require("apiUrl"), **arguments, **SECRETS.get(kind, {}))
