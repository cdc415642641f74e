"""Uploads a folder to the Hugging Face Hub with `huggingface_hub`, which finds the token and the server by itself.

`upload_folder` of huggingface_hub 2 has taken the place of `upload_large_folder`: it commits in batches, and after an
interruption the same call continues.
"""

import sys
from pathlib import Path

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import disable_progress_bars, validate_repo_id  # type: ignore[attr-defined]

from mlukit.engine.errors import RefusedError, RunError
from mlukit.pipelines.publication.contents import Contents


def check_upload(repo: str) -> None:
    """Checks the name of the repository, and that there is a token.

    Raises:
        RefusedError: the name is wrong, or there is no token.
        RunError: the Hub does not know the token.
    """
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise RefusedError(f"--repo {repo}: {str(error).splitlines()[0]}; accepted: NAME or OWNER/NAME") from error
    if get_token() is None:
        raise RefusedError("no token of the Hugging Face Hub is set: set HF_TOKEN, or log in with hf auth login")
    try:
        HfApi().whoami()
    except Exception as error:  # huggingface_hub also raises the errors of its HTTP library
        raise RunError(f"the Hugging Face Hub does not know the token, or does not answer: {_line(error)}") from error


def upload(folder: Path, contents: Contents, repo: str, private: bool) -> str:
    """Makes the repository if it is not there, and uploads the files that it does not have yet.

    Args:
        folder: the folder on this machine.
        contents: the files of the folder that belong on the Hub.
        repo: the name of the repository.
        private: whether a new repository is private.

    Returns:
        The address of the repository.

    Raises:
        RunError: the Hub refused a request, or the connection failed.
    """
    if not sys.stderr.isatty():
        disable_progress_bars()
    api = HfApi()
    try:
        made = api.create_repo(repo, repo_type=contents.repo_type, private=private or None, exist_ok=True)
        api.upload_folder(
            repo_id=made.repo_id,
            repo_type=contents.repo_type,
            folder_path=folder,
            allow_patterns=list(contents.patterns),
            delete_patterns=list(contents.replaced) or None,
            commit_message="Upload by mlukit publish",
        )
    except Exception as error:  # huggingface_hub also raises the errors of its HTTP and Xet libraries
        raise RunError(
            f"the upload to {repo} failed: {_line(error)}. Run the same command again to continue"
        ) from error
    return str(made)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
