"""Flags that name a folder of this machine: training, import, export and fill read and write no object store."""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_COPY_COMMANDS: Mapping[str, str] = {  # by scheme; each copies a folder with everything below it
    "gs": "gcloud storage rsync --recursive",
    "s3": "aws s3 sync",
    "hdfs": "hdfs dfs -get",
}


def local_folder(text: str) -> Path:
    """Reads a flag that names a folder to read; for argparse.

    Raises:
        ArgumentTypeError: the text is an address such as gs://…; the message says how to copy the folder.
    """
    if (address := _ADDRESS.match(text)) is None:
        return Path(text)
    command = _COPY_COMMANDS.get(address[1].lower())
    copy = f"Copy it: {command} {text} FOLDER" if command else "Copy it to a folder"
    raise argparse.ArgumentTypeError(f"{text!r} is not a folder of this machine. {copy}, and name the folder here")


def new_local_folder(text: str) -> Path:
    """Reads a flag that names a folder to write; for argparse.

    Raises:
        ArgumentTypeError: the text is an address such as gs://….
    """
    if _ADDRESS.match(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a folder of this machine: name a folder, and copy it there at the end"
        )
    return Path(text)
