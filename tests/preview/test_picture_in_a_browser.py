"""The picture as a browser draws it: every word fits where it belongs, and none covers another."""

import copy
import html
import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from components.azure import authorities
from tests.preview.recorded import between, edited_in_azure, example, planned, planned_in_azure
from tests.settings.azure_stack import with_database_on_a_host
from toolchain.preview.diagram import svg
from toolchain.preview.topology import topology

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

MEASURE = """
const measured = [...document.querySelectorAll("svg")].map(picture => {
  const boxes = (kind) => [...picture.querySelectorAll(kind)].map(one => {
    const box = one.getBBox(), style = getComputedStyle(one);
    return {text: one.textContent.trim(), kind: one.getAttribute("class") || "", x: box.x, y: box.y,
            width: box.width, height: box.height, size: style.fontSize, colour: style.fill};
  });
  const view = picture.viewBox.baseVal;
  return {name: picture.parentElement.id, width: view.width, height: view.height,
          texts: boxes("text").filter(one => one.text), frames: boxes("rect.node, rect.card, rect.elsewhere")};
});
document.getElementById("measured").textContent = JSON.stringify(measured);
"""


class Box(NamedTuple):
    text: str
    kind: str
    x: float
    y: float
    width: float
    height: float
    size: str
    colour: str

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def begins_in(self, other: "Box") -> bool:
        return other.x <= self.x <= other.right and other.y <= self.y <= other.bottom

    def overlaps(self, other: "Box") -> bool:
        # the boxes of glyphs are higher than what is seen of them
        apart = 0.25 * min(self.height, other.height)
        beside = self.x < other.right - 1 and other.x < self.right - 1
        return beside and self.y < other.bottom - apart and other.y < self.bottom - apart


class Picture(NamedTuple):
    name: str
    width: float
    height: float
    texts: list[Box]
    frames: list[Box]


def changed() -> dict[str, Any]:
    settings = copy.deepcopy(example("prod"))
    settings["server"]["version"] = "3.8.7"
    settings["workers"]["etl-2"] = {"host": "worker-1", "workPool": "etl", "healthPort": 4222}
    del settings["workers"]["reports-1"]
    return settings


def long_names() -> dict[str, Any]:
    settings = copy.deepcopy(example("prod"))
    settings["nginx"]["publicUrl"] = "https://orchestration.data-platform.example.com"
    settings["workPools"]["reports-of-the-finance-department"] = settings["workPools"].pop("reports")
    settings["workers"]["reports-of-the-finance-department-1"] = {
        **settings["workers"].pop("reports-1"),
        "workPool": "reports-of-the-finance-department",
    }
    return settings


def of_another_kind() -> dict[str, Any]:
    """Return the production example with a database elsewhere, whose name is longer than a card is wide."""
    settings = copy.deepcopy(example("prod"))
    host = "orchestration-metadata.cluster-c1a2b3c4d5e6.eu-central-1.rds.amazonaws.com"
    settings["postgres"] = {"address": host, "caCertificate": authorities.certificates()}
    del settings["backups"]
    return settings


def change_in_azure(settings: dict[str, Any]) -> None:
    settings["hosts"]["worker-1"]["azure"]["size"] = "Standard_D8s_v5"
    settings["azure"]["postgres"]["size"] = "Standard_D4ds_v5"
    for section, name in (("hosts", "windows-1"), ("workers", "windows"), ("workPools", "windows")):
        del settings[section][name]


PLANS: dict[str, Callable[[], Any]] = {
    "production": lambda: planned(example("prod")),
    "changed": lambda: between(example("prod"), changed()),
    "one-server": lambda: planned(example("single-vps")),
    "split": lambda: planned(example("split")),
    "this-machine": lambda: planned({}),
    "long-names": lambda: planned(long_names()),
    "database-elsewhere": lambda: planned(of_another_kind()),
}
IN_AZURE: dict[str, Callable[[], Any]] = {
    "azure": planned_in_azure,
    "azure-changed": lambda: edited_in_azure(change_in_azure),
    "azure-copies": lambda: planned(with_database_on_a_host()),
}
HAS_AZURE = importlib.util.find_spec("pulumi_azure_native") is not None


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Picture]:
    """Let a browser draw and measure all the pictures."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"there is no browser here ({', '.join(BROWSERS)}): apt-get install chromium")
    directory = tmp_path_factory.mktemp("browser")
    plans = PLANS | (IN_AZURE if HAS_AZURE else {})
    drawn = "".join(f'<div id="{name}">{svg(topology(plan()), name)}</div>' for name, plan in plans.items())
    drawn = drawn.replace('<?xml version="1.0" encoding="UTF-8"?>', "")
    page = directory / "page.html"
    page.write_text(f'<meta charset="utf-8">{drawn}<pre id="measured"></pre><script>{MEASURE}</script>', "utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={directory / 'profile'}"]
    ended = subprocess.run(
        [*command, "--dump-dom", page.as_uri()],
        env={**os.environ, "HOME": str(directory)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    found = re.search(r'<pre id="measured">(.*?)</pre>', ended.stdout, re.DOTALL)
    measured = html.unescape(found[1]) if found else ""
    assert measured, f"the browser measured nothing: {ended.stderr[-2000:]}"
    return {one.name: one for one in map(_picture, json.loads(measured))}


def _picture(told: dict[str, Any]) -> Picture:
    boxes = {key: [Box(**box) for box in told.pop(key)] for key in ("texts", "frames")}
    return Picture(**{**told, **boxes})


without_azure = pytest.mark.skipif(not HAS_AZURE, reason="pulumi-azure-native is not installed: make test")
each_picture = pytest.mark.parametrize(
    "name", [*PLANS, *(pytest.param(name, marks=without_azure) for name in IN_AZURE)]
)


@each_picture
def test_every_word_is_in_the_picture(pictures: dict[str, Picture], name: str) -> None:
    picture = pictures[name]
    assert picture.texts
    outside = [
        one.text
        for one in picture.texts
        if one.x < 0 or one.y < 0 or one.right > picture.width or one.bottom > picture.height
    ]
    assert outside == []


@each_picture
def test_what_begins_in_a_box_ends_in_it(pictures: dict[str, Picture], name: str) -> None:
    picture = pictures[name]
    assert picture.frames
    # labels of flows and badges stand on lines and corners
    words = [one for one in picture.texts if not {"label", "sign"} & set(one.kind.split())]
    wide = [
        (one.text, box.kind) for one in words for box in picture.frames if one.begins_in(box) and one.right > box.right
    ]
    assert wide == []


@each_picture
def test_no_words_cover_each_other(pictures: dict[str, Picture], name: str) -> None:
    texts = pictures[name].texts
    covered = [
        (one.text, other.text) for number, one in enumerate(texts) for other in texts[:number] if one.overlaps(other)
    ]
    assert covered == []


@each_picture
def test_its_style_is_applied(pictures: dict[str, Picture], name: str) -> None:
    (title,) = (one for one in pictures[name].texts if one.kind == "title")
    assert (title.text, title.size) == (name, "20px")
    assert title.colour != "rgb(0, 0, 0)", "the colours of the picture are not those of its style"
