"""A user's own folder as a data set: photographs in one sub-folder per class, read once, split, registered by name.

Either the folder has one sub-folder per class, and the first and then every fifth photograph of a class are held out;
or it has train/ and val/, each with one sub-folder per class. Photographs are read like uploads (reading.read_image),
also those in folders inside a class. Files that are no picture, broken or duplicates are skipped and listed; nothing in
the folder is changed.
"""

import hashlib
import json
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import numpy as np
import torch

from attention.core.files import write_json
from attention.core.paths import own_root
from attention.pictures import reading
from attention.pictures.datasets import DATASETS, DataError, Dataset, Listed, own_names, read_own
from attention.pictures.preprocessing import STUDY, to_tensor
from attention.pictures.reading import UploadError, read_image
from attention.pictures.splits import Progress, Split, every_nth, in_threads

HELD_OUT = 5  # without train/ and val/, the first and then every fifth photograph of a class is held out
LEAST = 2  # photographs per class: one to learn from, one to test on
LONGEST_NAME = 60
NAMED = 50  # skipped files that the report names


@dataclass(frozen=True)
class Taken:
    """A registered folder with its photographs decoded. `skipped` maps each path that was left out to the reason."""

    dataset: Dataset
    train: Split
    val: Split
    skipped: dict[str, str]
    notes: tuple[str, ...]
    changed: bool  # a folder of this name was registered before, with other photographs


def take(folder: str | os.PathLike, name: str | None = None, progress: Progress | None = None) -> Taken:
    """Read a folder, split it and register it as `name` (None: the folder's). On DataError nothing is written."""
    given = Path(folder)
    if not given.is_dir():
        what = "is a file" if given.exists() else "is not there"
        raise DataError(f"{given} {what}; --data takes a folder that holds a sub-folder a class.")
    folder = given.resolve()
    name = safe_name(folder.name) if name is None else _checked_name(name)
    known = _registered(name)
    _check_free(name, known, folder)
    try:
        splits, notes = _layout(folder)
        files = _files(folder, splits)
        read, skipped = _read_all(folder, files, progress)
    except OSError as error:
        raise DataError(f"{error.filename or folder.name} cannot be read: {error.strerror}.") from error
    train, val = _split(read, splits)
    info, listing = _describe(name, folder, splits, train, val)
    write_json(
        own_root() / name / "dataset.json",
        {key: value for key, value in asdict(info).items() if key in ("name", "title", "folder", "classes", "fingerprint")}
        | {split: [astuple(file) for file in files] for split, files in listing.items()}
        | {"skipped": skipped},
    )  # fmt: skip
    changed = known is not None and known.fingerprint != info.fingerprint
    return Taken(info, train.split, val.split, skipped, notes, changed)


def report(taken: Taken) -> list[str]:
    """What was found, in lines for the terminal."""
    info = taken.dataset
    lines = [
        f"{info.name}: {len(info.classes)} classes, {info.train_images:,} photographs to learn from and "
        f"{info.val_images:,} held out to test on."
    ]
    lines += taken.notes
    if taken.changed:
        lines.append("These are other photographs than last time, so its models are trained anew.")
    if taken.skipped:
        lines.append(
            f"Skipped {len(taken.skipped):,} of {len(taken.skipped) + len(taken.train) + len(taken.val):,} files:"
        )
        lines += [f"  {path}: {why}" for path, why in list(taken.skipped.items())[:NAMED]]
    if len(taken.skipped) > NAMED:
        lines.append(
            f"  and {len(taken.skipped) - NAMED:,} more, all named in {own_root() / info.name / 'dataset.json'}"
        )
    return lines


def safe_name(words: str) -> str:
    """`words` as a name for folders and commands: letters of any script, digits, - and _. Raises DataError if empty."""
    words = unicodedata.normalize("NFC", words)
    kept = "".join(c if c.isalnum() or c in "-_" else "-" for c in words)
    name = "-".join(filter(None, kept.split("-")))[:LONGEST_NAME]
    if not name:
        raise DataError(f"No name can be made from {words!r}. Give the data set one: --name NAME.")
    return name


def _checked_name(name: str) -> str:
    if not name or safe_name(name) != name:
        raise DataError(f"--name takes letters, digits, - and _ (at most {LONGEST_NAME}), not {name!r}.")
    return name


def _registered(name: str) -> Dataset | None:
    try:
        return read_own(name)[0] if name in own_names() else None
    except DataError:  # damaged, so it is written anew
        return None


def _check_free(name: str, known: Dataset | None, folder: Path) -> None:
    if name in DATASETS:
        raise DataError(f"{name} is the name of a data set of the study. Give the folder another one: --name NAME.")
    if not _is_text(str(folder)):
        raise DataError("The folder's path is not valid Unicode. Rename it.")
    if known and Path(known.folder) != folder and Path(known.folder).is_dir():
        raise DataError(
            f"{name} is the name of {known.folder} already. Give this folder another one: --name NAME, or forget that "
            f"one: remove {own_root() / name}."
        )


# the layout of the folder

Classes = dict[str, Path]  # from the `_key` of a class's name to its folder
Layout = dict[str, Classes]  # the classes of each split; without train/ and val/ the only split is ""


def _key(name: str) -> str:
    """Equal for two names that a reader would take for one class: "Café " and "café", composed or not."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__"))  # .DS_Store, ._photo.jpg, .git, __MACOSX


def _is_text(name: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in name)  # how Python represents bytes that are not UTF-8


def _shown(path: str) -> str:
    return path.encode("utf-8", "replace").decode()


def _sub_folders(folder: Path) -> Classes:
    found: Classes = {}
    for path in sorted(p for p in folder.iterdir() if p.is_dir() and not _is_hidden(p.name)):
        if not _is_text(path.name):
            raise DataError(f"The name of the folder {_shown(path.name)!r} is not valid Unicode. Rename it.")
        first = found.setdefault(_key(path.name), path)
        if first is not path:
            raise DataError(
                f"The folders {first.name!r} and {path.name!r} name one class. Rename one, or put their photographs together."
            )
    return found


def _layout(folder: Path) -> tuple[Layout, tuple[str, ...]]:
    """The class folders by split, and notes for the user. Raises DataError where they do not fit together."""
    top = _sub_folders(folder)
    # a class may be called "train" too: it is a split if it has sub-folders
    there = [split for split in ("train", "val") if split in top and _sub_folders(top[split])]
    if len(there) == 1:
        (other,) = {"train", "val"} - set(there)
        raise DataError(
            f"{folder.name} holds classes under {there[0]}/ but none under {other}/. Name the folder of the other "
            f"photographs {other}/, or train on the one: --data {folder.name}/{there[0]}."
        )
    if not there:
        _check_classes(folder.name, top)
        loose = [p.name for p in folder.iterdir() if p.is_file() and not _is_hidden(p.name)]
        return {"": top}, _unused("the class folders", loose)
    splits = {split: _sub_folders(top[split]) for split in there}
    for split, classes in splits.items():
        _check_classes(f"{folder.name}/{split}", classes)
        for missing in [path.name for other in splits.values() for key, path in other.items() if key not in classes]:
            raise DataError(f"The class {missing!r} has no folder in {split}/. Add it, or remove the class.")
    unused = [path.name for key, path in top.items() if key not in splits]
    return splits, _unused("train/ and val/", unused)


def _unused(beside: str, names: list[str]) -> tuple[str, ...]:
    some = ", ".join(map(_shown, sorted(names)[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return (f"Not used, for it lies beside {beside}: {some}.",) if names else ()


def _check_classes(name: str, classes: Classes) -> None:
    if not classes:
        raise DataError(
            f"{name} has no sub-folders. Make one a class and put its photographs there, such as {name}/cat and {name}/dog."
        )
    if len(classes) == 1:
        (only,) = classes.values()
        inside = len(_sub_folders(only))
        hint = f" Did you mean --data {name}/{only.name}?" if inside > 1 else ""
        raise DataError(f"{name} has one class, {only.name!r}; there must be two or more to tell apart.{hint}")


def _files(folder: Path, splits: Layout) -> list[tuple[str, str, int]]:
    """(path relative to the folder, split, label) of every file that is not hidden, in a fixed order."""
    order = sorted(next(iter(splits.values())))
    return [
        (path.relative_to(folder).as_posix(), split, order.index(key))
        for split, classes in splits.items()
        for key in order
        for path in _walk(classes[key])
    ]


def _walk(folder: Path) -> Iterator[Path]:
    def fail(error: OSError):
        raise error

    for root, folders, files in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        yield from (Path(root) / name for name in sorted(files) if not _is_hidden(name))


# the contents of the files


@dataclass(frozen=True)
class _Part:
    """The photographs of one split ("" before splitting) and the hashes of their contents, in the same order."""

    split: Split
    hashes: tuple[str, ...]

    def subset(self, index: torch.Tensor) -> "_Part":
        return _Part(self.split.subset(index), tuple(self.hashes[i] for i in index.tolist()))

    def listed(self) -> list[Listed]:
        rows = zip(self.split.paths, self.split.labels.tolist(), self.hashes, strict=True)
        return [Listed(*row) for row in rows]


def _read_all(
    folder: Path, files: list[tuple[str, str, int]], progress: Progress | None
) -> tuple[dict[str, _Part], dict[str, str]]:
    """The decoded photographs by split, and for each skipped file the reason."""
    images = np.empty((len(files), STUDY.stored_pixels, STUDY.stored_pixels, 3), np.uint8)

    def read(index: int) -> tuple[str, str]:
        """(sha256 of the contents, "") or ("", why not)."""
        path = folder / files[index][0]
        try:
            if not _is_text(files[index][0]):
                return "", "Its name is not valid Unicode; rename it."
            if not path.is_file():
                return "", "This is no file, or a link that leads nowhere."
            with open(path, "rb") as file:
                data = file.read(reading.limits.bytes + 1)  # one byte more than read_image accepts
            images[index] = STUDY.stored(read_image(data).image)
        except UploadError as error:
            return "", str(error)
        except OSError as error:
            return "", f"This file cannot be opened: {error.strerror}."
        return hashlib.sha256(data).hexdigest(), ""

    answers = list(in_threads(read, range(len(files)), progress))
    kept: dict[str, list[int]] = {split: [] for _, split, _ in files}
    seen, skipped = {}, {}
    for index, (digest, problem) in enumerate(answers):
        first = seen.setdefault(digest, index) if digest else index
        if first != index:  # in train and val it would be learned by heart, and in two classes it teaches nothing
            problem = f"This is the same picture as {files[first][0]}."
        if problem:
            skipped[_shown(files[index][0])] = problem
        else:
            kept[files[index][1]].append(index)
    parts = {}
    for split, index in kept.items():
        labels = torch.tensor([files[i][2] for i in index], dtype=torch.long)
        paths = tuple(files[i][0] for i in index)
        parts[split] = _Part(Split(to_tensor(images[index]), labels, paths), tuple(answers[i][0] for i in index))
    return parts, skipped


def _split(parts: dict[str, _Part], splits: Layout) -> tuple[_Part, _Part]:
    """(training, held out). Raises DataError for a class with too few photographs."""
    least = LEAST if "" in splits else 1
    for split, classes in splits.items():
        counts = (
            torch.bincount(parts[split].split.labels, minlength=len(classes)) if split in parts else [0] * len(classes)
        )
        for key, count in zip(sorted(classes), map(int, counts), strict=True):
            where = f"The class {classes[key].name!r}" + (f" in {split}/" if split else "")
            if count == 0:
                raise DataError(f"{where} has no photograph that can be read. Add some, or remove the class.")
            if count < least:
                raise DataError(
                    f"{where} has {count} photograph that can be read; it takes {least}: to learn from, and to test on."
                )
    if "" not in splits:
        return parts["train"], parts["val"]
    both = parts[""]
    held = every_nth(both.split.labels, HELD_OUT)
    return both.subset((~held).nonzero().squeeze(1)), both.subset(held.nonzero().squeeze(1))


def _describe(
    name: str, folder: Path, splits: Layout, train: _Part, val: _Part
) -> tuple[Dataset, dict[str, list[Listed]]]:
    first = next(iter(splits.values()))
    words = [unicodedata.normalize("NFC", first[key].name).strip() for key in sorted(first)]
    listing = {"train": train.listed(), "val": val.listed()}
    contents = json.dumps([words, *([astuple(file) for file in files] for files in listing.values())])
    info = Dataset(
        name=name,
        title=name,
        folder=str(folder),
        classes=dict(zip(words, words, strict=True)),
        train_images=len(train.split),
        val_images=len(val.split),
        fingerprint=hashlib.sha256(contents.encode()).hexdigest()[:12],
    )
    return info, listing
