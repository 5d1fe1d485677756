"""The components of a self-hosted Prefect, and what they are made of."""
