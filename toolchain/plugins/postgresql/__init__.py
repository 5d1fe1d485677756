"""Follows pulumi-resource-postgresql: roles, databases, extensions, schemas and privileges as resources."""
