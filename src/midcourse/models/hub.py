"""Files of the Hugging Face hub, and what went wrong, in a line."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from midcourse.errors import ModelError


def hub_file(name: str, file: str, what: str) -> Path:
    """The local copy of one file of a repository on the Hugging Face hub. Raises `ModelError`."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(name, file, local_files_only=_offline()))
    except HFValidationError as error:
        raise ModelError(f"there is no folder {name!r}, and it is no Hugging Face id either") from error
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"the {what} {name!r} is neither a folder, nor downloaded, nor can it be downloaded now; "
            "check the name and the network, or use `bundled`"
        ) from error
    except EntryNotFoundError as error:
        raise ModelError(f"the repository {name!r} has no {file}: it is no {what} that can be used here") from error
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"the {what} {name!r} cannot be had from the Hugging Face hub: {reason}") from error


def first_line(error: BaseException) -> str:
    """The first line of an error's message, with the next one where it ends in a colon; its name if it says little."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines or isinstance(error, KeyError):
        return " ".join([type(error).__name__, *lines])
    return " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]


def _offline() -> bool:
    """Whether the hub's name cannot even be resolved; its client would try again for half a minute."""
    from huggingface_hub import constants

    if any(name.lower() in ("https_proxy", "all_proxy") for name in os.environ):
        return False
    address = urlsplit(constants.ENDPOINT)
    try:
        socket.getaddrinfo(address.hostname, address.port or 443)
    except OSError:
        return True
    return False
