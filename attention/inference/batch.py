"""Runs the chosen models over many pictures: where they disagree, and how many are right if there are labels."""

import io
import os
import re
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

import pandas as pd
from PIL import Image

from attention.core import deadlines
from attention.core.errors import BadInput
from attention.core.intervals import accuracy_interval
from attention.inference.compare import Models, check_names, compare
from attention.pictures import reading
from attention.pictures.datasets import Dataset
from attention.pictures.reading import Upload, UploadError, read_image

MAX_PICTURES = 1000
MAX_ENTRIES = 5000  # of a zip file, pictures or not
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # first characters of what a spreadsheet takes for one
THUMBNAIL = (96, 96)
PICTURES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".gif",
    ".bmp",
    ".tif",
    ".tiff",
    ".avif",
)  # the only files that are read from a folder or a zip


class BatchError(BadInput, ValueError):
    """There are no pictures, too many, or a damaged zip; the message is one sentence."""


@dataclass(frozen=True)
class Picture:
    """One picture to read. `name` is its path in the folder or zip that was given; its folder may name its class."""

    name: str
    read: Callable[[], Upload]


@dataclass(frozen=True)
class Row:
    """The models' answers for one picture. `label` and the values of `chosen` are class indices.

    A picture that could not be read has a `problem`, a sentence, and no answers.
    """

    name: str
    label: int | None
    chosen: dict[str, int] = field(default_factory=dict)
    probabilities: dict[str, float] = field(default_factory=dict)
    problem: str = ""
    foreign: bool | None = None  # whether it probably shows none of the classes: Models.looks_foreign
    thumbnail: Image.Image | None = field(default=None, repr=False, compare=False)

    @property
    def agreement(self) -> float:
        """The share of the models that give the most common answer."""
        return Counter(self.chosen.values()).most_common(1)[0][1] / len(self.chosen) if self.chosen else 0.0

    @property
    def is_disputed(self) -> bool:
        return len(set(self.chosen.values())) > 1


def gather(sources: list[str | os.PathLike]) -> list[Picture]:
    """The pictures in files, folders and zip files, in their order; nothing is decoded yet. Raises BatchError or TimeUp.

    A zip is read in place and never unpacked: no path in it reaches the disk.
    """
    found: list[Picture] = []
    for source in map(Path, sources):
        deadlines.check()
        if not source.exists():
            raise BatchError(f"{source.name} is not there.")
        if source.is_dir():
            paths = sorted(path for path in source.rglob("*") if _is_picture(path.relative_to(source)))
            found += [Picture(path.relative_to(source).as_posix(), partial(read_image, path)) for path in paths]
        elif _is_zip(source):
            names = sorted(name for name in _entries(source) if _is_picture(PurePosixPath(name)))
            found += [Picture(name, partial(_read_member, source, name)) for name in names]
        else:
            found.append(Picture(source.name, partial(read_image, source)))
        if len(found) > MAX_PICTURES:  # at each source, because one zip may be given a thousand times
            raise BatchError(f"These are {len(found)} pictures or more; at most {MAX_PICTURES} are taken at once.")
    if not found:
        raise BatchError("There is no picture here; give image files, a folder of them, or a zip of a folder.")
    return found


def _is_zip(path: Path) -> bool:
    """Whether a file begins and ends like a zip. A photo with an archive appended is a photo."""
    try:
        with path.open("rb") if path.is_file() else io.BytesIO() as file:
            return file.read(2) == b"PK" and zipfile.is_zipfile(file)
    except OSError:
        return False


def _entries(path: Path) -> list[str]:
    """The names in a zip. Raises BatchError if it is damaged, or so long that opening it again and again is slow."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, RuntimeError, NotImplementedError, struct.error, zipfile.BadZipFile) as error:
        raise BatchError(f"{path.name} is a damaged zip file; zip the folder again.") from error
    if len(names) > MAX_ENTRIES:
        raise BatchError(f"{path.name} has more than {MAX_ENTRIES} entries; zip the pictures alone.")
    return names


def _is_picture(path: PurePosixPath) -> bool:
    """Whether a file is a picture by its name, and neither hidden nor one of the doubles that macOS puts into zips."""
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return path.suffix.lower() in PICTURES and not hidden


def _read_member(archive: Path, name: str) -> Upload:
    """A picture of a zip. Raises UploadError, also if it is larger than a picture may be: the rest is not unpacked."""
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(name) as member:
            data = member.read(reading.limits.bytes + 1)
    except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise UploadError("truncated") from error  # truncated, encrypted, or compressed by an unknown method
    return read_image(data)


def label_of(name: str, info: Dataset) -> int | None:
    """The index of the class that a picture's folder names, by its name or WordNet number; None if it names none."""
    folder = PurePosixPath(name).parent.name.casefold().replace("_", " ")
    for index, (key, title) in enumerate(info.classes.items()):
        if folder in (key.casefold().replace("_", " "), title.casefold().replace("_", " ")):
            return index
    return None


def run(pictures: list[Picture], names: list[str], models: Models) -> Iterator[Row]:
    """Yields a Row for each picture as soon as it is done. A picture that cannot be read spoils only its own row.

    Raises UnknownVariant or CheckpointError for a model that cannot run, before the first row, and TimeUp between two rows.
    """
    return _rows(pictures, check_names(names, models), models)


def _rows(pictures: list[Picture], names: list[str], models: Models) -> Iterator[Row]:
    for picture in pictures:
        deadlines.check()  # here too, because unreadable pictures take time without any model
        label = label_of(picture.name, models.dataset)
        try:
            image = picture.read().image
        except UploadError as error:
            yield Row(picture.name, label, problem=str(error))
            continue
        results = {result.name: result for result in compare(image, names, models)}
        chosen = {name: results[name].top1 for name in names}
        shares = {name: float(results[name].probabilities[top]) for name, top in chosen.items()}
        image.thumbnail(THUMBNAIL)
        yield Row(picture.name, label, chosen, shares, foreign=models.looks_foreign(results.values()), thumbnail=image)


def table(rows: list[Row], class_names: tuple[str, ...]) -> pd.DataFrame:
    """A row per picture: image, label if any is known, two columns per model, agreement, problem if there is any.

    `none_of_these` is "yes" where the detector says so. The table is safe to open in a spreadsheet: a name of a file or
    a class that would be a formula there gets an apostrophe in front, its tabs and line breaks become spaces, and its
    invisible characters are left out.
    """
    lines, classes = [], list(map(_as_text, class_names))
    for row in rows:
        line: dict = {"image": _as_text(row.name), "label": None if row.label is None else classes[row.label]}
        for name, top in row.chosen.items():
            line |= {name: classes[top], f"{name} %": round(100 * row.probabilities[name], 1)}
        line |= {"agreement": round(row.agreement, 2) if row.chosen else None}
        lines.append(line | {"none_of_these": "yes" if row.foreign else None, "problem": row.problem})
    frame = pd.DataFrame(lines)
    last = [name for name in ("agreement", "none_of_these", "problem") if name in frame]
    frame = frame[[name for name in frame if name not in last] + last]
    unused = [name for name in ("label", "none_of_these", "problem") if not frame[name].fillna("").astype(bool).any()]
    return frame.drop(columns=unused)


def _as_text(name: str) -> str:
    name = "".join(c for c in re.sub(r"[\t-\r]", " ", name) if unicodedata.category(c) not in ("Cc", "Cf"))
    return f"'{name}" if name.lstrip().startswith(FORMULA) else name


@dataclass(frozen=True)
class Accuracy:
    """How many of the labelled pictures a model gets right, with Wilson's 95 % interval over pictures."""

    right: int
    of: int
    low: float
    high: float


def accuracies(rows: list[Row]) -> dict[str, Accuracy]:
    """{model: Accuracy} over the pictures that have a label and could be read; empty where there is none."""
    labelled = [row for row in rows if row.label is not None and row.chosen]
    found = {}
    for name in labelled[0].chosen if labelled else ():
        right = sum(row.chosen[name] == row.label for row in labelled)
        found[name] = Accuracy(right, len(labelled), *accuracy_interval(right, len(labelled)))
    return found
