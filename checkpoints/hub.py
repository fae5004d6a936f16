"""Models on the Hugging Face Hub: fetched into the usual cache, and published with their card.

`huggingface_hub` does the work: tokens (`hf auth login` or HF_TOKEN), cache (HF_HOME), resuming, offline use
(HF_HUB_OFFLINE), other servers (HF_ENDPOINT). It is imported where it is used, since it costs start-up time and only
those who name a Hub model need it.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from checkpoints.bundle import Bundle, read_description
from checkpoints.card import CARD, TAG
from checkpoints.description import DESCRIPTION
from checkpoints.errors import BunrakuWarning, ModelError, OptionError, first_line
from checkpoints.own_card import digest, shown_card, with_card

_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w./-]+))?", re.ASCII)


class NoBundleError(ModelError):
    """A repository that is there, and is no model of ours."""


@dataclass(frozen=True)
class HubName:
    """`owner/name[@revision]`."""

    repository: str
    revision: str | None = None
    """Branch, tag or commit; None for the main branch."""

    @classmethod
    def parse(cls, text: str) -> HubName | None:
        """None where `text` has another form, such as that of a path."""
        found = _NAME.fullmatch(text)
        return cls(found["repository"], found["revision"]) if found and not text.startswith(".") else None

    def __str__(self) -> str:
        return self.repository + (f"@{self.revision}" if self.revision else "")


def fetch(name: HubName) -> Bundle:
    """The verified bundle of `name`; only its description and graphs are fetched, and what the cache has is not.

    Without network, what was fetched before is used. Files that do not fit their hashes are fetched once more. Warns
    where the description has no seal. Raises `ModelError` when the model is not there, not accessible, cannot be
    fetched whole, or is damaged on the Hub too.
    """
    bundle = _fetch(name)
    if not bundle.sealed:
        warnings.warn(
            f'The description of the model "{name}" has no seal (its format is {bundle.format}), so that nothing shows '
            "whether it was changed; use it if you trust where it comes from, or ask its owner to export it again.",
            BunrakuWarning,
            stacklevel=2,
        )
    return bundle


def _fetch(name: HubName) -> Bundle:
    with _explained(name):
        folder, files = _snapshot(name, force=False)
        try:
            return Bundle.load(folder)
        except ModelError as error:  # a cache that was damaged on its way or on the disk, and would be for ever
            if not all((folder / file).exists() for file in files):
                raise ModelError(f'The model "{name}" is not whole on the Hub: {error}') from error
        folder, files = _snapshot(name, force=True)
    try:
        return Bundle.load(folder)
    except ModelError as error:
        _forget(folder, files)
        raise ModelError(f'The model "{name}" is damaged, and fetching it again did not help: {error}') from error


def fetch_file(name: HubName, file: str) -> Path:
    """One more file of a repository, such as its checkpoint. Raises `ModelError` as `fetch` does."""
    from huggingface_hub import hf_hub_download

    with _explained(name):
        return Path(hf_hub_download(name.repository, file, revision=name.revision))


def fetch_matching(name: HubName, patterns: Sequence[str]) -> tuple[Path, list[str]]:
    """The files of a repository whose paths match the `patterns`, all of one commit: the folder that they are in, which
    has the commit's name, and their paths. Raises `ModelError` as `fetch` does.
    """
    from huggingface_hub import snapshot_download

    with _explained(name):
        folder = Path(snapshot_download(name.repository, revision=name.revision, allow_patterns=list(patterns)))
    files = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    return folder, [file for file in files if any(fnmatch(file, pattern) for pattern in patterns)]


def push(
    bundle: Bundle,
    repository: str,
    *,
    revision: str | None = None,
    private: bool = False,
    message: str | None = None,
    checkpoint: Path | None = None,
) -> str:
    """Publish the files of `bundle`, its card (its folder's README.md, or a generated one) and, where given, the
    `checkpoint` that it was exported from, in one commit. Returns the commit's address.

    The repository is made where there is none, `private` then. Raises `OptionError` for a name that is not owner/name,
    `ModelError` when the bundle is in no folder or the Hub refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    name = HubName.parse(repository)
    if name is None or name.revision is not None:
        raise OptionError(f'"{repository}" is not owner/name; say where on the Hub the model goes.')
    if bundle.folder is None:
        raise ModelError(f'The model "{bundle.name}" is not stored in a folder yet; write it, then push it.')
    card = shown_card(bundle)
    contents: dict[str, Path | bytes] = {DESCRIPTION: bundle.folder / DESCRIPTION, CARD: card.encode()}
    if bundle.card not in (None, digest(card)):  # fetched without its card, which is made anew
        contents[DESCRIPTION] = with_card(bundle.folder, card).encode()
    contents |= {graph.file: bundle.folder / graph.file for graph in bundle.graphs.values()}
    if checkpoint is not None:
        contents["model.safetensors"] = checkpoint
    operations = [CommitOperationAdd(path_in_repo=path, path_or_fileobj=data) for path, data in contents.items()]
    with _explained(HubName(repository, revision)):
        api = HfApi()
        api.create_repo(repository, private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(repository, branch=revision, exist_ok=True)
        message = message or f"{bundle.name}, bundle format {bundle.format}"
        return api.create_commit(repository, operations, commit_message=message, revision=revision).commit_url


def cached() -> list[tuple[HubName, Path]]:
    """Models in the local cache: the name by which each can be had without network, and its folder."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    found = []
    for repository in repositories:
        for revision in repository.revisions if repository.repo_type == "model" else ():
            if (revision.snapshot_path / DESCRIPTION).is_file():
                names = sorted(revision.refs) or [revision.commit_hash]
                told = None if "main" in names else names[0]
                found.append((HubName(repository.repo_id, told), revision.snapshot_path))
    return sorted(found, key=lambda entry: str(entry[0]))


def published() -> list[tuple[HubName, dict[str, Any]]]:
    """Models on the Hub that carry our tag, and the facts in their cards. Raises `ModelError` without network."""
    from huggingface_hub import HfApi

    with _explained(None):
        models = list(HfApi().list_models(filter=TAG, expand=["cardData"], limit=200))
    facts = [(HubName(model.id), getattr(model.card_data, TAG, None)) for model in models]
    return [(name, values) for name, values in facts if isinstance(values, dict)]


def _snapshot(name: HubName, *, force: bool) -> tuple[Path, list[str]]:
    """The description first: it names the graphs, and the commit of its folder is theirs."""
    from huggingface_hub import snapshot_download

    options: dict[str, Any] = {"force_download": force}
    # That nothing fits the pattern is said below, in our words.
    logger = logging.getLogger("huggingface_hub._snapshot_download")
    logger.addFilter(_is_no_miss)
    folder = Path(snapshot_download(name.repository, revision=name.revision, allow_patterns=[DESCRIPTION], **options))
    if not (folder / DESCRIPTION).is_file():
        raise NoBundleError(
            f'The repository "{name}" holds no {DESCRIPTION}, so it is not a model for this program; where it holds '
            f"published weights of LivePortrait, `bunraku pull {name}` makes one of them."
        )
    files = [graph.file for graph in read_description(folder).graphs.values()]
    snapshot_download(name.repository, revision=folder.name, allow_patterns=files, **options)
    return folder, [DESCRIPTION, *files]


def _is_no_miss(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("No files matched")


def _forget(folder: Path, files: list[str]) -> None:
    """Take damaged files out of the cache, so that they are fetched again once the Hub has better ones."""
    for file in files:
        link = folder / file
        link.resolve().unlink(missing_ok=True)
        link.unlink(missing_ok=True)


@contextmanager
def _explained(name: HubName | None) -> Iterator[None]:
    """Turn what the Hub or the network says into one sentence."""
    from huggingface_hub import errors

    what = f'The model "{name}"' if name else "The list of models"
    try:
        yield
    except ModelError:
        raise
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{what} asks you to accept its terms first; open its page on the Hub, then log in with `hf auth login`."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(f"{what} has no such revision; check what stands behind the @.") from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"{what} is not on the Hub, or it is private; check the name, or log in with `hf auth login` (or HF_TOKEN)."
        ) from error
    except errors.EntryNotFoundError as error:
        cause = error.__cause__
        if isinstance(error, errors.LocalEntryNotFoundError) and not isinstance(cause, errors.HfHubHTTPError):
            raise ModelError(
                f"{what} is not in the cache, or not whole, and the Hub cannot be reached; check the connection."
            ) from error
        raise ModelError(_refused(what, cause if isinstance(cause, errors.HfHubHTTPError) else error)) from error
    except Exception as error:  # errors of the network library, which changes with the version of huggingface_hub
        raise ModelError(_refused(what, error)) from error


def _refused(what: str, error: BaseException) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"{what} is not open to you on the Hub; log in with `hf auth login` (or set HF_TOKEN), or ask its owner."
    if status == 429:
        return f"{what} cannot be had now: the Hub limits how much is asked of it; wait some minutes, or log in."
    reason = first_line(error)
    return f"{what} cannot be had from the Hub ({reason}); try again, what has arrived is kept."
