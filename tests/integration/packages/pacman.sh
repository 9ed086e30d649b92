# SPDX-License-Identifier: GPL-3.0-or-later
# Makes small packages of pacman's kind and a repository of them, /srv/pacman, and nothing else.
set -eu
work=$(mktemp -d)
cd "$work"
mkdir -p /srv/pacman /srv/pacman-local /var/lib/pacman/sync /var/lib/pacman/local

# package FOLDER NAME VERSION DEPENDS [SCRIPT]: what makepkg writes, made by hand because it refuses to run as root
package() {
    rm -rf tree
    mkdir tree
    {
        printf '%s\n' "pkgname = $2" "pkgbase = $2" "pkgver = $3" 'pkgdesc = A package for tests' 'arch = any'
        printf '%s\n' 'builddate = 1700000000' 'packager = Test <test@example.org>' 'size = 0' 'license = GPL3'
        [ -z "$4" ] || printf 'depend = %s\n' "$4"
    } >tree/.PKGINFO
    mkdir -p "tree/usr/share/$2"
    echo "$3" >"tree/usr/share/$2/version"
    (cd tree && bsdtar --uid 0 --gid 0 --zstd -cf "/srv/$1/$2-$3-any.pkg.tar.zst" .PKGINFO usr)
}

index() {
    repo-add -q -R /srv/pacman/jet.db.tar.gz "$@" >/dev/null
}
package pacman jet-app 1.0-1 'jet-lib>=1.0'
package pacman jet-app 1.1-1 'jet-lib>=1.0'
package pacman jet-app 2.0-1 'jet-lib>=2.0'
package pacman jet-lib 1.0-1 ''
package pacman jet-lib 2.0-1 ''
package pacman jet-other 1.0-1 ''
package pacman jet-unmet 1.0-1 jet-nowhere
package pacman-local jet-local 1.0-1 jet-lib
cp -r /srv/pacman /srv/pacman-all
repo-add -q /srv/pacman/jet.db.tar.gz /srv/pacman/jet-app-2.0-1-any.pkg.tar.zst \
    /srv/pacman/jet-lib-2.0-1-any.pkg.tar.zst /srv/pacman/jet-other-1.0-1-any.pkg.tar.zst \
    /srv/pacman/jet-unmet-1.0-1-any.pkg.tar.zst >/dev/null
cat >/etc/pacman.conf <<'CONF'
[options]
Architecture = auto
SigLevel = Never
[jet]
Server = file:///srv/pacman
CONF
pacman -Sy >/dev/null
rm -rf "$work"
