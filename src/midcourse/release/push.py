"""A folder that `export-model` has written, put on the Hugging Face hub.

What was uploaded is not uploaded again, so a push that was cut off goes on when it is begun again. A repository that is
new is private unless it was asked to be public; who may see one that exists does not change.
"""

from __future__ import annotations

from pathlib import Path

from midcourse.errors import HubError, UserError
from midcourse.models.hub import first_line

WRITTEN = ("adapter_config.json", "config.json", "*.gguf")  # one of these is in what export-model writes


def push(folder: Path, repository: str, *, public: bool = False, message: str | None = None) -> str:
    """Upload the files of `folder`; returns the address of the repository.

    Raises `UserError` where it is no such folder, the name is none, or nobody is logged in, `HubError` where the hub
    refuses or does not answer.
    """
    from huggingface_hub import HfApi, constants, get_token
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
    from huggingface_hub.errors import HTTPError as ConnectionFailed  # type: ignore[attr-defined]  # of its HTTP library
    from huggingface_hub.utils._validators import validate_repo_id

    if not (folder / "README.md").is_file() or not any(found for name in WRITTEN for found in folder.glob(name)):
        raise UserError(f"{folder} is nothing that `midcourse export-model` wrote: it has no README.md, or no weights")
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UserError(f"{repository!r} is no name of a repository, such as you/cards: {first_line(error)}") from error
    if get_token() is None:
        raise UserError("nobody is logged in to the hub: say `hf auth login`, or set HF_TOKEN")
    api = HfApi(endpoint=constants.ENDPOINT)
    try:
        api.create_repo(repository, private=not public, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            commit_message=message or f"Upload {folder.resolve().name} with Midcourse",
            ignore_patterns=[".*", "**/.*"],
        )
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else None
        if status in (401, 403):
            raise UserError(
                f"the hub does not let you write to {repository} ({status}): log in as somebody who may "
                "(`hf auth login`, or HF_TOKEN with a token that may write)"
            ) from error
        raise HubError(f"the hub did not take {repository}: {first_line(error)}; begin again, it goes on") from error
    except OfflineModeIsEnabled as error:
        raise UserError("HF_HUB_OFFLINE is set, so nothing is pushed") from error
    except (ConnectionFailed, OSError, RuntimeError) as error:  # a large file that was cut off is a RuntimeError
        raise HubError(f"the upload was cut off ({first_line(error)}); begin again, it goes on") from error
    return f"{constants.ENDPOINT}/{repository}"
