"""How the files of a published data set lie in its folder: which photographs there are, and of which class."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

IMAGE_FILES = {".jpeg", ".jpg", ".png"}
ANNOTATIONS = "val/val_annotations.txt"  # of Tiny ImageNet: file, class, x0, y0, x1, y1 in pixels, tabs between them


class DataError(Exception):
    """A data set is missing, incomplete or unreadable; the message says what to do."""


@dataclass(frozen=True)
class Listed:
    """One photograph of a data set; its `sha256` where it was registered (a folder of one's own)."""

    path: str  # relative to the folder, with /
    label: int
    sha256: str = ""


def list_images(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_FILES and not p.name.startswith("."))


@dataclass(frozen=True)
class ByClass:
    """<split>/<class>/<photographs>, as Imagenette has it; `inside` is a folder between the class and its photographs."""

    inside: str = ""

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
        """Folders of no class that is known, which are left out."""
        folders = (path for split in ("train", "val") for path in sorted((folder / split).iterdir()) if path.is_dir())
        known = {*classes, "images"}
        return [path.relative_to(folder).as_posix() for path in folders if path.name not in known]


@dataclass(frozen=True)
class TinyImageNet(ByClass):
    """train/<class>/images, and val/images with a list of their classes and boxes: Tiny ImageNet's own layout."""

    inside: str = "images"

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


def annotations(folder: Path) -> list[tuple[str, str, tuple[int, ...]]]:
    """Tiny ImageNet's list of its val: file, class, and the box's corners x0, y0, x1, y1 in pixels. Raises DataError."""
    try:
        lines = (folder / ANNOTATIONS).read_text(encoding="utf-8").splitlines()
        rows = [(name, wnid, tuple(map(int, box))) for name, wnid, *box in (line.split("\t") for line in lines if line)]
    except FileNotFoundError as error:
        raise DataError(f"{folder.name} has no {ANNOTATIONS}, which says what its test photographs show") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{ANNOTATIONS} of {folder.name} is damaged") from error
    if any(len(box) != 4 for _, _, box in rows):
        raise DataError(f"{ANNOTATIONS} of {folder.name} is damaged")
    return rows
