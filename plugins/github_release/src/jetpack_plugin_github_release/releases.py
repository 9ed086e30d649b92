# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases and their assets as the API tells of them, and which release a channel means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from jetpack_core.errors import TaskError
from jetpack_plugin_github_release.versions import Range, Version, parse

Channel = Literal["stable", "latest", "prerelease", "unstable", "any"]


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of a release."""

    name: str
    url: str
    """Where the API gives it, to those who may have it."""
    browser_url: str
    size: int = 0
    digest: str | None = None
    """`sha256:DIGITS`, where GitHub has computed it (uploads since June 2025)."""


@dataclass(frozen=True, slots=True)
class Release:
    """A release."""

    tag: str
    prerelease: bool
    published_at: str
    assets: tuple[Asset, ...] = ()
    version: Version | None = None

    @property
    def is_pre(self) -> bool:
        """Tell whether it is a pre-release, by its flag or by its version."""
        return self.prerelease or (self.version is not None and self.version.pre is not None)

    @property
    def order(self) -> tuple[object, ...]:
        """Return what releases are ordered by: their versions, those without one first, then their dates."""
        if self.version is None:
            return (0, self.published_at)
        return (1, self.version.key, self.published_at)


def read_releases(found: Iterable[object]) -> list[Release]:
    """Return the published releases among what the API lists; what is not understood is left out."""
    return [_release(one) for one in found if isinstance(one, Mapping) and not one.get("draft") and one.get("tag_name")]


def _release(one: Mapping[str, object]) -> Release:
    listed = one.get("assets")
    assets = [_asset(asset) for asset in listed if isinstance(asset, Mapping)] if isinstance(listed, list) else []
    return Release(
        str(one["tag_name"]),
        bool(one.get("prerelease")),
        str(one.get("published_at") or one.get("created_at") or ""),
        tuple(asset for asset in assets if asset is not None),
    )


def _asset(one: Mapping[str, object]) -> Asset | None:
    if one.get("state") not in {None, "uploaded"} or not one.get("name"):
        return None
    size, digest = one.get("size"), one.get("digest")
    return Asset(
        str(one["name"]),
        str(one.get("url") or ""),
        str(one.get("browser_download_url") or ""),
        size if isinstance(size, int) else 0,
        digest if isinstance(digest, str) else None,
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which release is wanted."""

    channel: Channel = "stable"
    version: str | None = None
    range: Range | None = None
    tag_prefix: str | None = None
    min_age_days: float = 0.0


def choose_release(releases: Sequence[Release], wanted: Wanted, repo: str, now: datetime | None = None) -> Release:
    """Return the release that is wanted. Raises TaskError, which says what there is."""
    from dataclasses import replace

    known = [replace(one, version=parse(one.tag, wanted.tag_prefix)) for one in releases]
    if wanted.tag_prefix is not None:
        known = [one for one in known if one.tag.startswith(wanted.tag_prefix)]
    if wanted.version is not None:
        return _pinned(known, wanted.version, repo)
    old_enough = _old_enough(known, wanted.min_age_days, now or datetime.now(UTC))
    candidates = [one for one in old_enough if _in_channel(one, wanted) and _in_range(one, wanted.range)]
    if not candidates:
        raise TaskError(f"{repo} has no release that is wanted ({_described(wanted)})", hint=_tags(known))
    if wanted.channel == "any":
        return max(candidates, key=lambda one: one.published_at)
    return max(candidates, key=lambda one: one.order)


def _in_channel(release: Release, wanted: Wanted) -> bool:
    match wanted.channel:
        case "stable" | "latest":
            return not release.is_pre
        case "unstable":
            return release.is_pre
        case _:
            return True


def _in_range(release: Release, limits: Range | None) -> bool:
    return limits is None or (release.version is not None and limits.admits(release.version))


def _pinned(releases: Sequence[Release], version: str, repo: str) -> Release:
    exact = [one for one in releases if one.tag == version]
    target = parse(version)
    same = exact or [
        one for one in releases if target is not None and one.version is not None and one.version.key == target.key
    ]
    if not same:
        raise TaskError(f"{repo} has no release {version}", hint=_tags(releases))
    if len(same) > 1:
        tags = ", ".join(one.tag for one in same)
        raise TaskError(f"{repo} has several releases {version}: {tags}", hint="write the whole tag as 'version'")
    return same[0]


def _old_enough(releases: Sequence[Release], days: float, now: datetime) -> list[Release]:
    if days <= 0:
        return list(releases)
    latest = (now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [one for one in releases if one.published_at and one.published_at <= latest]


def _described(wanted: Wanted) -> str:
    parts = [f"channel {wanted.channel}"]
    parts += [f"version {wanted.range.text}"] if wanted.range is not None else []
    parts += [f"tags beginning with {wanted.tag_prefix}"] if wanted.tag_prefix else []
    parts += [f"at least {wanted.min_age_days:g} days old"] if wanted.min_age_days else []
    return ", ".join(parts)


def _tags(releases: Sequence[Release]) -> str:
    tags = [one.tag for one in releases]
    more = f" and {len(tags) - 10} more" if len(tags) > 10 else ""  # noqa: PLR2004 - as many as one reads
    return f"it has {', '.join(tags[:10])}{more}" if tags else "it has no releases at all"
