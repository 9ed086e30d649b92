# SPDX-License-Identifier: GPL-3.0-or-later
# Makes rpms with more to them than a version, each repository for one matter: /srv/rpm-more, /srv/rpm-signed with the
# keys /srv/test.asc and /srv/other.asc, and /srv/rpm-patched with notices about what is in it.
set -eu
work=$(mktemp -d)
cd "$work"
mkdir -p /srv/rpm-more /srv/rpm-signed /srv/rpm-patched /etc/rpm
echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros

# build REPOSITORY NAME VERSION [MORE]: one package without files; MORE is put behind its other fields
build() {
    printf '%s\n' "Name: $2" "Version: $3" 'Release: 1' 'Summary: A package for tests' 'License: GPL-3.0-or-later' \
        'BuildArch: noarch' "${4-}" '%description' 'A package for tests.' '%files' "${5-}" >"$2.spec"
    rpmbuild -bb --quiet --define "_topdir $work" --define "_rpmdir /srv/$1" \
        --define '_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.noarch.rpm' "$2.spec"
}

build rpm-more jet-base 1.0
build rpm-more jet-old 1.0
build rpm-more jet-new 3.0 "$(printf 'Obsoletes: jet-old < 9\nProvides: jet-old = 3.0')"
build rpm-more jet-hostile 1.0 'Conflicts: jet-old'
build rpm-more jet-epoch 0.5 'Epoch: 1'
build rpm-more jet-epoch 0.4 'Epoch: 1'
build rpm-more jet-mailer 1.0 'Provides: jet-mta = 5'
for version in 1 2 3; do build rpm-more jet-kernel $version 'Provides: multiversion(kernel)'; done
build rpm-more jet-grumbler 1.0 '' "$(printf '%%post -p <lua>\nerror("the thing behind is broken")')"
createrepo_c --quiet /srv/rpm-more

for name in jet-lib jet-app; do
    for version in 1.0 2.0; do build rpm-patched $name $version; done
done
# dnf's plugin needs-restarting takes this name for one that needs a restart.
build rpm-patched linux-firmware 1.0
# notice ID TYPE NAME [MORE]: a notice that version 2.0 is about
notice() {
    cat <<XML
<update from="test@example.org" status="final" type="$2" version="1"><id>$1</id><title>a notice</title>
<release>jet</release><issued date="2026-01-01 00:00:00"/><severity>Important</severity><description>a notice</description>
<references/><pkglist><collection short="jet"><name>jet</name>
<package name="$3" version="2.0" release="1" epoch="0" arch="noarch" src="$3-2.0-1.src.rpm">
<filename>$3-2.0-1.noarch.rpm</filename>${4-}</package></collection></pkglist></update>
XML
}
{
    echo '<?xml version="1.0" encoding="UTF-8"?><updates>'
    notice JET-1 security jet-lib '<reboot_suggested>1</reboot_suggested>'
    notice JET-2 bugfix jet-app
    echo '</updates>'
} >updateinfo.xml
createrepo_c --quiet /srv/rpm-patched
modifyrepo_c updateinfo.xml /srv/rpm-patched/repodata >/dev/null

export GNUPGHOME="$work/gpg"
mkdir -m 700 "$GNUPGHOME"
for who in test other; do
    gpg --batch --quiet --passphrase '' --quick-gen-key "$who@example.org" rsa2048 sign never
    gpg --armor --export "$who@example.org" >"/srv/$who.asc"
done
build rpm-signed jet-app 1.0
rpmsign --define '_gpg_name test@example.org' --define '__gpg /usr/bin/gpg' --addsign /srv/rpm-signed/*.rpm >/dev/null 2>&1
build rpm-signed jet-unsigned 1.0
createrepo_c --quiet /srv/rpm-signed
gpg --batch --armor --detach-sign --local-user test@example.org /srv/rpm-signed/repodata/repomd.xml
gpg --armor --export test@example.org >/srv/rpm-signed/repodata/repomd.xml.key
gpgconf --kill gpg-agent
rm -rf "$work"
