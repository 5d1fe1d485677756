"""What is installed today is what is installed tomorrow."""

import re
from collections.abc import Iterator

from policies.resources import Resource, texts
from policies.steps import WrittenFile, step

REQUIREMENT = re.compile(r"^[A-Za-z0-9][^#;\\\n]*", re.MULTILINE)


def versions_are_pinned(resource: Resource) -> Iterator[str]:
    """Require a version and a hash of each Python package, and a tag that stays, or a digest, of each image."""
    done = step(resource)
    if isinstance(done, WrittenFile) and "/requirements/" in done.path and done.content is not None:
        loose = [found.strip() for found in REQUIREMENT.findall(done.content) if "==" not in found and "@" not in found]
        if loose:
            yield (
                f"{done.path} names {', '.join(loose[:3])} without a version, so each host gets another one. "
                "Lock it: make lock, or `uv pip compile --generate-hashes`."
            )
        elif "--hash=" not in done.content:
            yield (
                f"{done.path} has no hashes: a package index, or whoever is on the way, may hand out something else "
                "under the same version. Lock it with `uv pip compile --generate-hashes`."
            )
    for path, text in texts(resource.values):
        if re.search(r"(^|\.)image(_name)?$", path) and not _image_is_pinned(text):
            yield (
                f"{path} is {text}, which is another image each time somebody pushes one. "
                "Name a version, or better a digest: IMAGE@sha256:..."
            )


def _image_is_pinned(image: str) -> bool:
    if "{{" in image or "@sha256:" in image:
        return True
    tag = image.rpartition("/")[2].partition(":")[2]
    return bool(tag) and tag not in {"latest", "main", "master", "edge", "nightly", "stable"}
