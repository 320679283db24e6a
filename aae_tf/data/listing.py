"""The files of a user's folder: which are images, how they lie, and that none goes missing."""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence

from aae_tf.errors import DataError
from aae_tf.utils import printable

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
LEFT_BY_SYSTEMS = ("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r")
DEEPEST = 4  # folders within folders; images lie in two at most
SHOWN = 3
TRAIN, VALIDATION, TEST = range(3)
SPLITS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
    "testing": TEST,
}


@dataclasses.dataclass(frozen=True)
class Listing:
    """What lies in a folder, links followed.

    Args:
      path: of the folder.
      images: files of images' endings, in the order of their names' parts.
      others: files of other endings, and what is no file at all, such as a link to nothing.
      hidden: how many files and folders are hidden, or left by systems.
      leaves: folders without folders in them.
    """

    path: pathlib.Path
    images: Sequence[pathlib.Path]
    others: Sequence[pathlib.Path]
    hidden: int
    leaves: Sequence[pathlib.Path]

    def note(self, read: Sequence[pathlib.Path], broken: Sequence[pathlib.Path]) -> list[str]:
        """What isn't read of the folder; nothing where all is.

        Args:
          read: the images that are.
          broken: the others of them.
        """
        lines = []
        total = len(self.images) + len(self.others) + self.hidden
        left = [*self._counted(broken, "broken "), *self._counted(self.others)]
        if self.hidden:
            left.append(f"{self.hidden} hidden")
        if left:
            lines.append(f"read {len(read)} of {total} files: {', '.join(left)}")
        missing = sorted({*self.leaves} - {file.parent for file in read} - {self.path})
        if missing:
            names = [printable(folder.relative_to(self.path)) for folder in missing]
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            kind = "the folder" if len(names) == 1 else "the folders"
            lines.append(f"no image in {kind} {', '.join(names[:SHOWN])}{more}")
        return lines

    def kinds(self) -> str:
        """How many files there are of each other ending."""
        return ", ".join(self._counted(self.others))

    def _counted(self, files: Sequence[pathlib.Path], what: str = "") -> Iterator[str]:
        counts = collections.Counter(_kind(file) for file in files)
        for kind, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
            yield f"{count} {what}{kind}"


def _kind(file: pathlib.Path) -> str:
    if file.is_symlink() and not file.exists():
        return "dangling"
    if file.exists() and not file.is_file():
        return "special"
    return printable(file.suffix.lower())[:16] or "without an ending"


def list_files(flag: str, path: pathlib.Path) -> Listing:
    """Looks through a folder and the folders in it, links to files and folders included.

    Args:
      flag: with its value, as messages begin.
      path: of the folder.

    Raises:
      DataError: if a folder can't be read, links lead in a circle, or folders lie too deep.
    """
    images, others, leaves, hidden = [], [], [], 0
    pending = [(path, ())]
    while pending:
        folder, above = pending.pop()
        try:
            status = os.stat(folder)
            entries = list(os.scandir(folder))
        except OSError as error:
            raise DataError(f"{flag}: {printable(folder)}: {error.strerror}") from None
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            raise DataError(
                f"{flag}: {printable(folder)} is a link to a folder that it lies in; expected "
                "folders without circles"
            )
        if len(above) > DEEPEST:
            raise DataError(
                f"{flag}: {printable(folder)} lies too deep; expected images in the folder, in "
                "class/ or in split/class/"
            )
        is_leaf = True
        for entry in entries:
            file = folder / entry.name
            if entry.name.startswith(".") or entry.name.lower() in LEFT_BY_SYSTEMS:
                hidden += 1
            elif os.path.isdir(file):
                pending.append((file, (*above, identity)))
                is_leaf = False
            elif file.suffix.lower() in IMAGE_ENDINGS and os.path.isfile(file):
                images.append(file)
            else:
                others.append(file)
        if is_leaf:
            leaves.append(folder)
    return Listing(path, sorted(images), sorted(others), hidden, leaves)


def layout(
    flag: str, path: pathlib.Path, files: Sequence[pathlib.Path]
) -> tuple[list[int] | None, list[str] | None]:
    """The split and the class of each image, by where it lies.

    Args:
      flag: with its value, as messages begin.
      path: of the folder.
      files: images in it.

    Returns:
      The number of each image's split, and the name of its class's folder; None where the folder
      doesn't say.

    Raises:
      DataError: if images lie in another way than flat, class/file, split/file or
        split/class/file.
    """
    parts = [file.relative_to(path).parts for file in files]
    depths = collections.Counter(len(some) - 1 for some in parts)
    if len(depths) != 1 or max(depths) > 2:
        found = ", ".join(f"{count} in {depth}" for depth, count in sorted(depths.items()))
        raise DataError(
            f"{flag}: {len(files)} images at folder depths {sorted(depths)} ({found or 'none'}), "
            f"expected files ({', '.join(IMAGE_ENDINGS)}) all at one: flat, class/, or split/class/"
        )
    (depth,) = depths
    if depth == 0:
        return None, None
    tops = [some[0] for some in parts]
    names = sorted(set(tops))
    are_splits = all(name.lower() in SPLITS for name in names)
    if depth == 1 and not (are_splits and len(names) > 1):
        return None, tops
    if not are_splits:
        shown = [printable(name) for name in names]
        raise DataError(
            f"{flag}: split folders {shown}, expected 'train' and 'test', and 'validation' if you "
            "like"
        )
    classes = [some[1] for some in parts] if depth == 2 else None
    return [SPLITS[name.lower()] for name in tops], classes
