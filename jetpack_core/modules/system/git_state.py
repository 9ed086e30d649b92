# SPDX-License-Identifier: GPL-3.0-or-later
"""What a checkout and its remote say: parsed from git's plumbing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_HEADS: Final = "refs/heads/"

# $1: the directory; $2, $3: the owner and group it is to have, or nothing; then git's words before its verb.
# Prints one fact a line, and nothing where there is no checkout. A checkout of somebody else is looked into only where
# that is the owner it is to have.
LOOK: Final = """
cd -- "$1" 2>/dev/null || exit 0
owner=$2 group=$3
shift 3
export GIT_OPTIONAL_LOCKS=0
[ -e .git ] || { [ -z "$(ls -A)" ] || echo occupied; exit 0; }
echo checkout
if [ -n "$owner" ]; then
  case " $(stat -c '%U %u' . 2>/dev/null) " in *" $owner "*) set -- "$@" -c 'safe.directory=*' ;; esac
  find . ! -user "$owner" 2>/dev/null | head -n 1 | sed 's/^/foreign /'
fi
if [ -n "$group" ]; then find . ! -group "$group" 2>/dev/null | head -n 1 | sed 's/^/foreign /'; fi
"$@" rev-parse --git-dir >/dev/null || exit 3
echo "head $("$@" rev-parse -q --verify HEAD)"
echo "branch $("$@" symbolic-ref -q HEAD)"
"$@" for-each-ref --format='have %(refname)' refs/heads
echo "url $("$@" config --get remote.origin.url)"
"$@" rev-parse -q --verify HEAD >/dev/null &&
  echo "local $("$@" rev-list -n 1 HEAD --not --remotes --tags --glob=refs/jetpack)"
"$@" status --porcelain --untracked-files=no --ignore-submodules=all | sed 's/^/dirty /'
"$@" submodule status --recursive | sed 's/^/submodule /'
exit 0
"""

SEEN: Final = "refs/jetpack/seen"
"""What was checked out last: it came from the remote, whatever became of its branches and tags since."""

# $1: the commit, $2: how many of the last commits, or nothing; then git's words before its verb.
# Not every server hands out a commit by its id, and what a depth has cut off is in no branch.
FETCH_COMMIT: Final = """
commit=$1 depth=$2
shift 2
have() { "$@" cat-file -e "$commit^{commit}" 2>/dev/null; }
only() { "$@" fetch -q ${depth:+--depth "$depth"} origin "+$commit:refs/jetpack/fetched"; }
have "$@" && exit
[ -n "$depth" ] && only "$@" 2>/dev/null && exit
all=
[ "$("$@" rev-parse --is-shallow-repository)" = true ] && all=--unshallow
"$@" fetch -q $all origin '+refs/heads/*:refs/remotes/origin/*' || exit
have "$@" || only "$@"
"""

# $1: a branch that is not checked out; then git's words before its verb. Fails if it holds what nobody else has.
KEEP: Final = """
branch=$1
shift
mine=$("$@" rev-list -n 1 "refs/heads/$branch" --not --remotes --tags --glob=refs/jetpack) || exit
[ -z "$mine" ] && exit
echo "the branch $branch has commits here that the remote has not, such as $mine" >&2
exit 1
"""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout as it is."""

    head: str = ""
    branch: str = ""
    """Empty where no branch is checked out."""
    branches: tuple[str, ...] = ()
    """All branches that are here."""
    url: str = ""
    has_commits: bool = False
    """There are commits that the remote did not have when it was last asked."""
    dirty: tuple[str, ...] = ()
    """Files that were changed since they were checked out."""
    foreign: str = ""
    """A file that belongs to somebody else than it is to."""
    open_submodules: tuple[str, ...] = ()
    """Submodules that are not there, or at another commit than is recorded."""


def parse_checkout(text: str) -> Checkout | None:
    """Return what LOOK printed; None where there is no checkout."""
    first, *lines = text.splitlines() or [""]
    if first != "checkout":
        return None
    said: dict[str, list[str]] = {}
    for line in lines:
        word, _, rest = line.partition(" ")
        said.setdefault(word, []).append(rest)
    submodules = said.get("submodule", [])
    return Checkout(
        head="".join(said.get("head", [])),
        branch="".join(said.get("branch", [])).removeprefix(_HEADS),
        branches=tuple(name.removeprefix(_HEADS) for name in said.get("have", [])),
        url="".join(said.get("url", [])),
        has_commits=any(said.get("local", [])),
        dirty=tuple(line[3:] for line in said.get("dirty", [])),
        foreign=next(iter(said.get("foreign", [])), ""),
        open_submodules=tuple(line[1:].split()[1] for line in submodules if line[:1] in {"-", "+", "U"}),
    )


@dataclass(frozen=True, slots=True)
class Remote:
    """What is wanted, as the remote has it."""

    commit: str
    branch: str = ""
    shadowed: bool = False
    """It is a tag, and there is a branch of the same name."""


def parse_remote(text: str, branch: str | None, tag: str | None) -> Remote | None:
    """Return the commit in what `git ls-remote --symref` printed; None where it is not there."""
    names: dict[str, str] = {}
    default = ""
    for line in text.splitlines():
        value, _, name = line.partition("\t")
        if value.startswith(f"ref: {_HEADS}"):
            default = value.removeprefix(f"ref: {_HEADS}") if name == "HEAD" else default
        elif name:
            names[name] = value
    if tag is not None:
        commit = names.get(f"refs/tags/{tag}^{{}}") or names.get(f"refs/tags/{tag}")
        return Remote(commit, shadowed=f"{_HEADS}{tag}" in names) if commit else None
    commit = names.get("HEAD" if branch is None else f"{_HEADS}{branch}")
    return Remote(commit, branch or default) if commit else None
