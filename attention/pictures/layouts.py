"""File layouts of published data sets: which photographs a folder holds, and of which class each is."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from attention.core.errors import BadInput

IMAGE_FILES = {".jpeg", ".jpg", ".png"}
ANNOTATIONS = "val/val_annotations.txt"  # of Tiny ImageNet: file, class, x0, y0, x1, y1 in pixels, separated by tabs


Corners = tuple[int, ...]  # x0, y0, x1, y1: the first and the last column and row of the object, in pixels


class DataError(BadInput):
    """A data set is missing, incomplete or unreadable; the message says what to do."""


@dataclass(frozen=True)
class Listed:
    """One photograph of a data set; `sha256` is set only in a user's own folder."""

    path: str  # relative to the folder, with /
    label: int
    sha256: str = ""


def list_images(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_FILES and not p.name.startswith("."))


@dataclass(frozen=True)
class ByClass:
    """<split>/<class>/<photographs>, as in Imagenette; `inside` is a folder between the class and its photographs."""

    inside: str = ""
    boxed = False  # whether it has boxes round the objects

    def files(self, folder: Path, split: str, classes: Collection[str]) -> list[Listed]:
        """The photographs of a split, class by class. Raises DataError for a class without a folder."""
        found = []
        for label, wnid in enumerate(classes):
            of_class = folder / split / wnid / self.inside
            if not of_class.is_dir():
                raise DataError(f"{folder.name} has no folder {of_class.relative_to(folder).as_posix()}")
            found += [Listed(path.relative_to(folder).as_posix(), label) for path in list_images(of_class)]
        return found

    def unknown(self, folder: Path, classes: Collection[str]) -> list[str]:
        """Folders that belong to no known class and are left out."""
        folders = (path for split in ("train", "val") for path in sorted((folder / split).iterdir()) if path.is_dir())
        known = {*classes, "images"}
        return [path.relative_to(folder).as_posix() for path in folders if path.name not in known]


@dataclass(frozen=True)
class TinyImageNet(ByClass):
    """Tiny ImageNet's layout: train/<class>/images, and val/images with one list of their classes and boxes."""

    inside: str = "images"
    boxed = True

    def files(self, folder: Path, split: str, classes: Collection[str]) -> list[Listed]:
        """The photographs of a split, `val` in the order of its list. Raises DataError."""
        if split != "val":
            return super().files(folder, split, classes)
        there = (
            {path.name for path in list_images(folder / "val" / "images")} if (folder / "val/images").is_dir() else ()
        )
        labels = {wnid: label for label, wnid in enumerate(classes)}
        found = [(name, labels.get(wnid)) for name, wnid, _ in annotations(folder)]
        if None in {label for _, label in found}:
            raise DataError(f"{ANNOTATIONS} of {folder.name} names classes that the data set does not have")
        return [Listed(f"val/images/{name}", label) for name, label in found if name in there]

    def boxes(self, folder: Path, split: str, classes: Collection[str]) -> list[tuple[Listed, Corners]]:
        """(photograph, box round its object) for each of a split that is here and has a box, ordered as in `files`."""
        if split == "val":
            known = {f"val/images/{name}": corners for name, _, corners in annotations(folder)}
        else:
            lists = {wnid: _corners(folder, f"train/{wnid}/{wnid}_boxes.txt") for wnid in classes}
            known = {f"train/{wnid}/images/{name}": box for wnid, rows in lists.items() for [name], box in rows}
        return [(file, known[file.path]) for file in self.files(folder, split, classes) if file.path in known]


def annotations(folder: Path) -> list[tuple[str, str, Corners]]:
    """Tiny ImageNet's list for `val`: (file, class, box) per photograph. Raises DataError."""
    return [(name, wnid, corners) for (name, wnid), corners in _corners(folder, ANNOTATIONS, 2)]


def _corners(folder: Path, path: str, words: int = 1) -> list[tuple[list[str], Corners]]:
    """The rows of a tab-separated list, each with so many `words` and a box. Raises DataError."""
    try:
        lines = (folder / path).read_text(encoding="utf-8").splitlines()
        rows = [line.split("\t") for line in lines if line]
        found = [(row[:words], tuple(map(int, row[words:]))) for row in rows]
    except FileNotFoundError as error:
        raise DataError(f"{folder.name} has no {path}, which says what its photographs show and where") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} of {folder.name} is damaged") from error
    if any(len(corners) != 4 for _, corners in found):
        raise DataError(f"{path} of {folder.name} is damaged")
    return found
