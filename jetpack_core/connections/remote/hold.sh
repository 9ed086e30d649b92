# SPDX-License-Identifier: GPL-3.0-or-later
# Holding a host against other runs, as `helper/holding.py` does and together with it; sent to a shell that is to hold.
#
# JL is the path of the file while it is open as descriptor 9. JM is set where this shell has it locked, JP to the
# process that has where that is another way of the same run to this host. What a command leaves running must not
# inherit the descriptor.
JNEWLINE='
'

jplace_of_lock() { # set JL to the path of the file
    JL=
    for jx in /run/lock /tmp /var/tmp /dev/shm; do
        [ -d "$jx" ] && [ -w "$jx" ] || continue
        case $(stat -L -c '%a %u' -- "$jx") in
        [1357]777' 0') JL=$jx/jetpack.lock && return ;;
        esac
    done
}

jknow() { # path: it is, or is about to be, open as 9; set JFILE where only that can tell it from other files
    JFILE=
    [ -e /proc/self/fd/3 ] || JFILE=$(stat -c '%d %i' -- "$1")
}

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

jours() { # tell whether the host is still held for our run; who joined may join anew, or hold it itself
    [ -n "$JL$JTAKEN" ] || return 0
    [ -z "$JTAKEN" ] || return
    jsame && { [ -z "$JP" ] || jlives "$JP"; } && return
    jlost=$JL
    if [ -n "$JP" ]; then
        exec 9<&-
        JL= JP=
        jhold "$JRUN" "$JOWNER" "$JNAME" >"$T/h"
        [ -z "$JL" ] || return 0
    fi
    JTAKEN=$jlost
    return 1
}

jheld() { # run: E says by whom it is held, unless ours is joined; 0 where a silent holder had to give it up
    jtext=$(head -c 400 <&9)
    jline=${jtext%%"$JNEWLINE"*}
    jy=$(stat -L -c %U /proc/self/fd/9 || stat -c %U "$JL") jy=${jy%%[!-a-zA-Z0-9._@]*}
    jx=${jline#* }
    jpid=${jx%% *}
    if jlives "$jpid"; then
        if [ "${jline%% *}" = "$1" ]; then
            JP=$jpid
            return 1
        fi
        # Who holds the file of somebody who is dead cannot touch it.
        case $jtext in *"${JNEWLINE}renewed"*) jsilent && jmade_free && return ;; esac
    else
        jline=
    fi
    exec 9<&-
    E="HELD $JL ${jy:-?} $jline"
    JL=
    return 1
}

jsilent() { # tell whether a holder has not touched its file for as long as we look
    jx=$(stat -L -c '%d %i %Y %Z' /proc/self/fd/9) && IFS=' .' read -r jt jz </proc/uptime || return
    if [ "$jx" = "$JSEEN" ]; then
        # Between two looks we may have stood still, or the host: one tells of no more than this.
        jz=$((jt - JLOOKED))
        JSILENT=$((JSILENT + (jz > 5 ? 5 : jz)))
    else
        JSEEN=$jx JSILENT=0
    fi
    JLOOKED=$jt
    [ "$JSILENT" -gt 90 ]
}

jmade_free() { # remove the file of a silent holder, where that is ours to do; one at a time, lest it be the successor's
    command exec 8<"${JL%/*}" || return
    flock -n 8 && { ! jsame || rm -f -- "$JL"; }
    jx=$?
    exec 8<&-
    return "$jx"
}

jsign() { # touch the file as long as this shell is well and holds the host
    exec 3<&- 9<&-
    trap 'kill "$jq"; exit 0' TERM
    set +f
    jold=
    while :; do
        sleep 15 &
        jq=$!
        wait "$jq"
        [ "$JL" -ef "/proc/$$/fd/9" ] || exit 0
        jwell && touch -c -- "$JL"
    done
}

jstate() { # pid: set js to its state, and jz to what says that it got on
    IFS= read -r jz <"/proc/$1/stat" || return
    set -- "$1" ${jz##*) }
    js=$2 jz=$1:${13}:${14}
}

jwell() { # tell whether the shell is neither stopped nor stuck, and what it started for itself is not either
    jstate "$$" || return
    case $js in [TtDZX]) return 1 ;; esac
    # What a task runs may take its time.
    for jx in "$T"/r*-o; do [ ! -e "$jx" ] || return 0; done
    jy= jnew= jw=
    read -r jy <"/proc/$$/task/$$/children"
    for jx in $jy; do
        jstate "$jx" || continue
        case $js in [TtD])
            jnew="$jnew $jz"
            case "$jold " in *" $jz "*) jw=1 ;; esac
            ;;
        esac
    done
    jold=$jnew
    [ -z "$jw" ]
}

jfree() {
    [ -z "$JSIGN" ] || kill "$JSIGN"
    jsame && rm -f -- "$JL"
    exec 9<&-
    JL= JM=
}

jhold() { # run owner name: prints the path of the file, and why the host cannot be held
    [ -z "$JL$JTAKEN" ] || return 0
    JRUN=$1 JOWNER=$2 JNAME=$3
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
            jknow "$JL"
            if [ -L "$JL" ] || ! [ -f "$JL" ] || ! command exec 9<"$JL"; then
                jhas "$JL" || continue
                echo "$JL: it is no file that can be read"
                JL=
                return
            fi
            if ! flock -n 9; then
                if ! jheld "$1"; then
                    [ -z "$JL" ] || jtook
                    return
                fi
            elif jsame && ! rm -f -- "$JL"; then
                # Its holder is dead, and it is another user's. To hold it is enough.
                JM=1
                jtook
                return
            fi
            exec 9<&-
            continue
        fi
        W=$JL.$3
        # By a tool: shells call every failed write an input/output error.
        jx="$1 $$ $2" js=
        # Who cannot be seen to be well makes no promise.
        ([ -e "/proc/$$/fd/0" ]) && jx="$jx${JNEWLINE}renewed" js=1
        if ! (umask 022 && set -C && printf '%s\n' "$jx" | cat >"$W") 2>"$T/e" || ! command exec 9<"$W"; then
            IFS= read -r jx <"$T/e"
            echo "$JL: ${jx##*: }"
            rm -f -- "$W"
            W= JL=
            return
        fi
        flock -n 9
        jknow "$W"
        if ln -T -- "$W" "$JL"; then
            rm -f -- "$W"
            W= JM=1
            jtook
            [ -n "$js" ] || return 0
            jsign >/dev/null 2>&1 &
            JSIGN=$!
            return
        fi
        rm -f -- "$W"
        W=
        exec 9<&-
    done
    E="HELD $JL"
    JL=
}

jtook() { # the host is held for our run, by us or another way to it
    printf '%s\n~,%s \n' "$JL" "$J"
}
