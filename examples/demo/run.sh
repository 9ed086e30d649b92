#!/bin/sh
# Shows Jetpack on this machine alone: no server, no root, nothing left behind.
set -eu

cd "$(dirname "$0")"
jetpack=${JETPACK:-jetpack}
folder=$(mktemp -d "${TMPDIR:-/tmp}/jetpack-demo.XXXXXX")
trap 'rm -rf "$folder"' EXIT
# The demo's runs are not worth remembering.
export XDG_STATE_HOME="$folder/state"
site=$folder/site

show() {
    printf '\n$ jetpack %s\n' "$*"
    "$jetpack" "$@"
}

printf '== 1. What would change? Nothing is touched.\n'
show check-local -p site.yml -e "root=$site" --diff

printf '\n== 2. Make it so.\n'
show local -p site.yml -e "root=$site"
printf '\n$ ls %s\n' "$site"
ls "$site"

printf '\n== 3. Once more: everything matches, so nothing is done.\n'
show local -p site.yml -e "root=$site"
