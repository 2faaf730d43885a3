"""Models on the Hugging Face hub: the files of `storage`, and a page made from the card."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .base import Model
from .readme import readme
from .storage import save

__all__ = ["FILES", "check_name", "fetch", "push"]

FILES = ("config.json", "model.safetensors", "card.json")


def check_name(repo: str) -> None:
    """Refuses what is no `you/name`, before anything is asked of the hub.

    Raises:
        ValueError: If this is no name of a model on the hub.
    """
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", repo, re.ASCII):
        raise ValueError(_no_name(repo))


def _no_name(repo: str) -> str:
    return f"hub: no name of a model: {repo!r}; wanted 'you/name'"


def fetch(repo: str) -> Path:
    """The directory of a model of the hub, `you/name` or `you/name@revision`, in its cache.

    Nothing but `FILES` is fetched. Without a network the latest that was fetched is taken.

    Raises:
        FileNotFoundError: If there is no such model, or the hub can't be reached and it was never
            fetched.
        ValueError: If this is no name of a model on the hub.
        ImportError: If `huggingface_hub` is missing.
    """
    name, _, revision = repo.partition("@")
    with _said_plainly(repo):
        from huggingface_hub import snapshot_download

        # One at a time: where a file fails, the library's threads close each other's connections.
        return Path(
            snapshot_download(
                name, revision=revision or None, allow_patterns=list(FILES), max_workers=1
            )
        )


def push(
    model: Model,
    repo: str,
    card: Mapping[str, Any] | None = None,
    *,
    licence: str = "",
    private: bool = False,
    message: str = "A model of ilk",
) -> str:
    """Writes a model to the hub, as `you/name`, as one commit; returns its address.

    Arguments:
        model: The model.
        repo: Its name; it is made if it is not there.
        card: Its card, see `ilk.models.storage.card`.
        licence: Identifier of a licence, such as `mit`.
        private: Whether a new one is seen by you alone.
        message: Of the commit.

    Raises:
        OSError: If the hub can't be reached, or refuses.
        ValueError: If this is no name of a model on the hub.
        ImportError: If `huggingface_hub` is missing.
    """
    check_name(repo)
    with _said_plainly(repo), tempfile.TemporaryDirectory() as scratch:
        from huggingface_hub import HfApi

        folder = save(model, Path(scratch) / "model", None if card is None else dict(card))
        page = readme(model, repo, card, licence)
        (folder / "README.md").write_text(page, encoding="utf-8")
        api = HfApi(library_name="ilk")
        address = api.create_repo(repo, private=private or None, exist_ok=True)
        api.upload_folder(repo_id=repo, folder_path=folder, commit_message=message)
        return str(address)


@contextmanager
def _said_plainly(repo: str) -> Iterator[None]:
    """What can go wrong, in the words of `load`."""
    try:
        from huggingface_hub import errors
    except ImportError as error:
        raise ImportError("huggingface_hub: not installed; pip install 'ilk[hub]'") from error
    try:
        yield
    except errors.HFValidationError as error:
        raise ValueError(_no_name(repo)) from error
    except errors.RevisionNotFoundError as error:
        raise FileNotFoundError(f"hub: {repo!r} has no such revision") from error
    except errors.RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"hub: no model {repo!r}, or it is private: `hf auth login` says who you are"
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise FileNotFoundError(
            f"hub: {repo!r} was not fetched before, and the hub can't be reached"
        ) from error
    except errors.LocalTokenNotFoundError as error:
        raise PermissionError("hub: it does not know you: `hf auth login`") from error
    except errors.HTTPError as error:  # type: ignore[reportPrivateImportUsage]
        answered = hasattr(error, "response")
        why = str(error).splitlines()[0] if answered else "it can't be reached"
        raise OSError(f"hub: {repo!r}: {why}") from error
