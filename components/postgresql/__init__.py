"""What a PostgreSQL cluster for Prefect should be: pure values and texts, no Pulumi."""
