# SPDX-License-Identifier: GPL-3.0-or-later
# Makes small Debian packages and two repositories of them, /srv/apt/main and /srv/apt/security, and nothing else.
set -eu
export SOURCE_DATE_EPOCH=1700000000

# deb REPOSITORY NAME VERSION DEPENDS: the package's own files are what stands in the directory `tree`.
deb() {
    mkdir -p tree/DEBIAN "/srv/apt/$1"
    printf '%s\n' "Package: $2" "Version: $3" 'Architecture: all' 'Maintainer: Test <test@example.org>' \
        "Depends: $4" 'Description: a package for tests' | grep -v ': $' >tree/DEBIAN/control
    chmod -R u=rwX,go=rX tree
    dpkg-deb --root-owner-group --build tree "/srv/apt/$1/$2_$3_all.deb" >/dev/null
    rm -rf tree
}

# index REPOSITORY SUITE LABEL
index() {
    cd "/srv/apt/$1"
    apt-ftparchive packages . >Packages
    apt-ftparchive -o "APT::FTPArchive::Release::Suite=$2" -o "APT::FTPArchive::Release::Label=$3" release . >Release
    cd "$work"
}

work=$(mktemp -d)
cd "$work"
for version in 1.0 1.1 2.0; do
    mkdir -p tree/etc tree/DEBIAN
    echo "version $version" >tree/etc/jet-app.conf
    echo /etc/jet-app.conf >tree/DEBIAN/conffiles
    deb main jet-app "$version" "jet-lib (>= ${version%.*}.0)"
done
for version in 1.0 2.0; do deb main jet-lib "$version" ''; done
deb main jet-other 1.0 ''
deb main jet-unmet 1.0 jet-nowhere
mkdir -p tree/DEBIAN
printf '#!/bin/sh\necho "the broken thing is broken" >&2\n[ -e /etc/jet-repaired ]\n' >tree/DEBIAN/postinst
chmod 755 tree/DEBIAN/postinst
deb main jet-broken 1.0 jet-lib
deb security jet-lib 1.5 ''
deb local jet-local 1.0 jet-lib
index main stable Debian
index security stable-security Debian-Security
printf 'deb [trusted=yes] file:///srv/apt/%s ./\n' main security >/etc/apt/sources.list
rm -rf "$work"
