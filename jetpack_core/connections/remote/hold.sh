# SPDX-License-Identifier: GPL-3.0-or-later
# Holding a host against other runs, as `helper/holding.py` does and together with it; sent to a shell that is to hold.
#
# JL is the path of the file once descriptor 9 has it locked. What a command leaves running must not inherit that.
jplace_of_lock() { # set JL to the path of the file
    JL=
    for jx in /run/lock /tmp /var/tmp /dev/shm; do
        [ -d "$jx" ] && [ -w "$jx" ] || continue
        case $(stat -L -c '%a %u' -- "$jx") in
        [1357]777' 0') JL=$jx/jetpack.lock && return ;;
        esac
    done
}

jsame() { [ "$JL" -ef /proc/self/fd/9 ] && ! [ -L "$JL" ]; }

jlives() { # pid
    case $1 in
    '' | *[!0-9]*) return 1 ;;
    esac
    kill -0 "$1" 2>"$T/e" && return
    IFS= read -r jx <"$T/e"
    case $jx in
    *"o such process"*) return 1 ;;
    esac
}

jheld() { # run: ours is joined; E says by whom it is held otherwise
    jline=$(head -c 400 <&9 | head -n 1)
    jy=$(stat -L -c %U /proc/self/fd/9 || stat -c %U "$JL") jy=${jy%%[!-a-zA-Z0-9._@]*}
    exec 9<&-
    jx=${jline#* }
    jpid=${jx%% *}
    if jlives "$jpid"; then
        [ "${jline%% *}" = "$1" ] && JL= && return
    else
        jline=
    fi
    E="HELD $JL ${jy:-?} $jline"
    JL=
}

jfree() {
    jsame && rm -f -- "$JL"
    exec 9<&-
    JL=
}

jhold() { # run owner name: prints why the host cannot be held
    [ -z "$JL" ] || return 0
    jplace_of_lock
    if [ -z "$JL" ]; then
        echo "no directory is there that all users may write to"
        return
    fi
    if ! command -v flock >/dev/null; then
        JL=
        echo "it has neither Python nor flock"
        return
    fi
    jtries=0
    while [ "$jtries" -lt 20 ]; do
        jtries=$((jtries + 1))
        if jhas "$JL"; then
            if [ -L "$JL" ] || ! [ -f "$JL" ] || ! command exec 9<"$JL"; then
                jhas "$JL" || continue
                echo "$JL: it is no file that can be read"
                JL=
                return
            fi
            flock -n 9 || { jheld "$1"; return; }
            if jsame; then
                # Its holder is dead. Where it is another user's, to hold it is enough.
                rm -f -- "$JL" || return 0
            fi
            exec 9<&-
            continue
        fi
        W=$JL.$3
        if ! (umask 022 && set -C && printf '%s %s %s\n' "$1" "$$" "$2" >"$W") 2>"$T/e" || ! command exec 9<"$W"; then
            je
            echo "$JL: $E"
            rm -f -- "$W"
            W= E= JL=
            return
        fi
        flock -n 9
        if ln -T -- "$W" "$JL"; then
            rm -f -- "$W"
            W=
            return
        fi
        rm -f -- "$W"
        W=
        exec 9<&-
    done
    E="HELD $JL"
    JL=
}
