# SPDX-License-Identifier: GPL-3.0-or-later
# Makes small rpms and a repository of them, /srv/rpm, and nothing else.
set -eu
work=$(mktemp -d)
cd "$work"
mkdir -p /srv/rpm /srv/rpm-local /etc/rpm
# Debian's rpm keeps a database in the user's home; on systems made of rpms there is but one.
echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros

# spec NAME VERSION RELEASE REQUIRES [SCRIPT]: one package without files
spec() {
    cat <<SPEC
Name: $1
Version: $2
Release: $3
Summary: A package for tests
License: GPL-3.0-or-later
BuildArch: noarch
${4:+Requires: $4}
%description
A package for tests.
%files
${5:+%pre -p <lua>
$5}
SPEC
}

build() {
    target=$1
    shift
    spec "$@" >"$1.spec"
    rpmbuild -bb --quiet --define "_topdir $work" --define "_rpmdir $target" --define '_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.noarch.rpm' "$1.spec"
}
build /srv/rpm jet-app 1.0 1 'jet-lib >= 1.0'
build /srv/rpm jet-app 1.1 1 'jet-lib >= 1.0'
build /srv/rpm jet-app 2.0 1 'jet-lib >= 2.0'
build /srv/rpm jet-lib 1.0 1 ''
build /srv/rpm jet-lib 2.0 1 ''
build /srv/rpm jet-other 1.0 1 ''
build /srv/rpm jet-unmet 1.0 1 jet-nowhere
build /srv/rpm jet-broken 1.0 1 jet-lib 'error("the broken thing is broken")'
build /srv/rpm-local jet-base 1.0 1 ''
build /srv/rpm-local jet-local 1.0 1 jet-lib
createrepo_c --quiet /srv/rpm
rm -rf "$work"
