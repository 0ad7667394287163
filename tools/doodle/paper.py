"""Make the paper for a drawing, and wear the drawing as cameras and files do."""

from __future__ import annotations

import io
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

RGB: TypeAlias = tuple[int, int, int]

PAPERS = ("white", "tint", "colour", "dark", "gradient", "lined", "grid", "grain", "shade")


def paper(kind: str, size: int, rng: np.random.Generator) -> tuple[Image.Image, RGB]:
    """Returns a size x size RGB sheet of one of PAPERS, and its typical colour."""
    base = _base(kind, rng)
    sheet = Image.new("RGB", (size, size), base)
    if kind == "gradient":
        sheet = _gradient(base, size, rng)
    elif kind in ("lined", "grid"):
        _rule(sheet, kind == "grid", rng)
    elif kind == "grain":
        sheet = _clouded(base, size, 48, rng.uniform(4, 16), rng)
    elif kind == "shade":
        sheet = _clouded(base, size, 3, rng.uniform(10, 30), rng)
    return sheet, base


def worn(image: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    """Adds light, blur, noise and JPEG, each at random; likelier with strength, 0..1."""
    if rng.random() < 0.5 * strength:
        image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.7, 1.15))
        image = ImageEnhance.Contrast(image).enhance(rng.uniform(0.65, 1.2))
    if rng.random() < 0.5 * strength:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.1) * image.width / 96))
    if rng.random() < 0.6 * strength:
        noise = rng.normal(0, rng.uniform(2, 14), (image.height, image.width, 3))
        image = Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
    if rng.random() < 0.6 * strength:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(30, 92)))
        image = Image.open(buffer).convert("RGB")
    return image


def brightness(colour: RGB) -> float:
    """Returns the luma of BT.601, 0..255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def _base(kind: str, rng: np.random.Generator) -> RGB:
    if kind == "white":
        return (255, 255, 255)
    low, high = {"colour": (90, 255), "gradient": (120, 255), "dark": (10, 75)}.get(
        kind, (218, 255)
    )
    r, g, b = rng.integers(low, high, 3)
    if kind not in ("colour", "gradient", "dark"):  # papers are warm or grey, not tinted at will
        g, b = r - rng.integers(0, 8), r - rng.integers(0, 26)
    return (int(r), int(g), int(b))


def _gradient(base: RGB, size: int, rng: np.random.Generator) -> Image.Image:
    other = np.clip(np.array(base) + rng.integers(-70, 70, 3), 0, 255)
    angle = rng.uniform(0, 2 * np.pi)
    x, y = np.meshgrid(np.linspace(-1, 1, 32), np.linspace(-1, 1, 32))
    t = (x * np.cos(angle) + y * np.sin(angle)) / 2.9 + 0.5
    values = np.array(base) * (1 - t[..., None]) + other * t[..., None]
    small = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    return small.resize((size, size), Image.Resampling.BICUBIC)


def _rule(sheet: Image.Image, grid: bool, rng: np.random.Generator) -> None:
    pen = ImageDraw.Draw(sheet)
    size, gap = sheet.width, sheet.width * rng.uniform(0.06, 0.16)
    shade = int(rng.integers(150, 215))
    colour = (shade - 25, shade, min(255, shade + 35)) if rng.random() < 0.7 else (shade,) * 3
    width = max(1, round(size * rng.uniform(0.003, 0.008)))
    for at in np.arange(rng.uniform(0, gap), size, gap):
        pen.line([(0, at), (size, at)], fill=colour, width=width)
        if grid:
            pen.line([(at, 0), (at, size)], fill=colour, width=width)


def _clouded(
    base: RGB, size: int, cells: int, strength: float, rng: np.random.Generator
) -> Image.Image:
    noise = rng.normal(0, strength, (cells, cells, 1)) + np.array(base)
    small = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
    return small.resize((size, size), Image.Resampling.BICUBIC)
