"""Objects inside a running Prefect server: a REST client and the Pulumi resources made with it."""
