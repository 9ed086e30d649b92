# SPDX-License-Identifier: GPL-3.0-or-later
# What answers on hosts without Python: any POSIX shell (dash, bash, busybox), forking as little as it can.
#
# It reads commands from standard input, each behind the nonce J: R and a line of script, N and the length of a script
# that follows, D and the length of bytes for the file that is being written, P for the last of them, Q to end. Every
# answer ends with a line that holds the nonce J.
# Functions say in E why they failed, as a code and details, and in S which of their subjects it is about.
exec 3<&0 2>/dev/null
unset CDPATH ENV IFS
JU=$(umask) JC=0 JR=0 JK=
umask 077
set -f

je() { # turn what a tool complained about into E
    jm=
    IFS= read -r jm <"$T/e"
    case $jm in
    *"ermission denied"* | *"not permitted"*) E=PERMISSION ;;
    *"o such file"*) E=NOT_FOUND ;;
    *"ile exists"*) E=EXISTS ;;
    *"overwrite non-directory"* | *"ot a directory"*) E=NOT_A_DIRECTORY ;;
    *"overwrite directory"* | *"s a directory"*) E=IS_A_DIRECTORY ;;
    *"not empty"*) E=NOT_EMPTY ;;
    *"o space left"* | *"uota exceeded"*) E=NO_SPACE ;;
    *"ead-only file system"*) E=READ_ONLY ;;
    *"invalid user"* | *"invalid group"* | *"unknown user"* | *"unknown group"*) E=NO_SUCH_ACCOUNT ;;
    *) E="OTHER ${jm##*: }" ;;
    esac
    return 1
}

jhas() { [ -e "$1" ] || [ -L "$1" ]; }

# busybox looks at the mode alone, which does not bind root.
jmay() { [ "$JI" = 0 ] || [ "$1" "$2" ]; }

jdir() { [ -d "$1" ] && ! [ -L "$1" ]; }

jparent() { # set D to the directory of a path
    D=${1%/*}
    [ -n "$D" ] || D=/
}

jnone() { # say in E why there is nothing at a path
    jparent "$1"
    while ! [ -e "$D" ] && [ "$D" != / ]; do jparent "$D"; done
    if ! [ -d "$D" ]; then
        E=NOT_A_DIRECTORY
    elif ! jmay -x "$D"; then
        E=PERMISSION
    else
        E=NOT_FOUND
    fi
    return 1
}

jresolve() { # set P to where links lead from a path
    P=$(readlink -f -- "$1" && echo x)
    P=${P%?x}
    [ -n "$P" ] || P=$1
}

jstat() { # follow checksum content path
    if [ "$1" = 1 ]; then
        [ -e "$4" ] || { jgone "$4"; return; }
        stat -L -c "$F" -- "$4" 2>"$T/e" || { je; return; }
    else
        jhas "$4" || { jgone "$4"; return; }
        stat -c "$F" -- "$4" 2>"$T/e" || { je; return; }
        if [ -L "$4" ]; then
            echo l
            readlink -n -- "$4"
            return
        fi
    fi
    if [ -f "$4" ] && [ "$2$3" != 00 ] && ! jmay -r "$4"; then
        E=PERMISSION
        return
    fi
    if [ "$2" = 1 ] && [ -f "$4" ]; then sha256sum <"$4" 2>"$T/e" || { je; return; }; else echo -; fi
    if [ "$3" != 0 ] && [ -f "$4" ]; then head -c "$3" <"$4" 2>"$T/e" || je; fi
}

jstats() { # follow, then again and again checksum content path: what jstat says of each, by a few processes
    jo= ja= js= jc= jp= jn=1 jl=
    [ "$1" = 0 ] || jo=-L
    while [ "$jn" -lt $# ]; do
        jn=$((jn + 3))
        eval "P=\${$jn}"
        if [ -e "$P" ] || { [ -z "$jo" ] && [ -L "$P" ]; }; then
            ja="$ja \"\${$jn}\"" jp="$jp$jn "
        else
            jnone "$P"
            if [ "$E" = PERMISSION ]; then jl="$jl $jn!"; else jl="$jl $jn-"; fi
        fi
    done
    jx= jz= E=
    # Where one of them is gone by now, or cannot be read, jstat says what is the matter.
    [ -z "$ja" ] || jx=$(eval "stat $jo -c \"\$F\" -- $ja") || return
    IFS='
'
    for jy in $jx; do
        jn=${jp%% *} jp=${jp#* }
        eval "js=\${$((jn - 2))} jb=\${$((jn - 1))} P=\${$jn}"
        jm=${jy#* * * } jm=${jm%% *}
        case $jy in
        8???" "*)
            if [ "$js$jb" = 00 ]; then jl="$jl $jn."
            elif ! jmay -r "$P"; then jl="$jl $jn?"
            elif [ "$jm" -lt "$jb" ]; then jl="$jl $jn+" jc="$jc \"\${$jn}\" \"\$T/d\""
            elif [ "$js" = 1 ]; then jl="$jl $jn#" jz="$jz \"\${$jn}\""
            else jl="$jl $jn."; fi
            ;;
        [aA]???" "*) jl="$jl $jn@" ;;
        *) jl="$jl $jn." ;;
        esac
    done
    unset IFS
    js=
    [ -z "$jz" ] || js=$(eval "sha256sum -- $jz") || return
    printf '%s\n~,%s \n%s\n~,%s \n' "$jx" "$J" "$js" "$J"
    if [ -n "$jc" ]; then eval "cat -- $jc" || return; fi
    for jn in $jl; do
        case $jn in *@)
            eval "readlink -n -- \"\${${jn%@}}\"" || return
            printf '\n~,%s \n' "$J"
            ;;
        esac
    done
    printf '%s\n--%s \n' "$jl" "$J"
}

jlook() { # as jstats; where that does not work out, one by one
    [ -z "$STOP" ] || return
    jours && jstats "$@" && return
    printf '\n~=%s \n' "$J"
    jf=$1
    shift
    while [ $# != 0 ]; do
        jdo 0 jstat "$jf" "$1" "$2" "$3"
        shift 3
    done
}

jgone() { # nothing there is an answer, unless we may not know
    jnone "$1"
    case $E in
    PERMISSION) ;;
    *) E= && echo - ;;
    esac
}

jshow() { # the state of a path that was changed
    stat -c "$F" -- "$1" 2>"$T/e" || { je; return; }
    if [ -L "$1" ]; then
        echo l
        readlink -n -- "$1"
    else
        echo -
    fi
}

jlist() { # path depth checksum
    if ! [ -d "$1" ]; then
        if [ -e "$1" ]; then E=NOT_A_DIRECTORY; else jnone "$1"; fi
        return
    fi
    if ! jmay -r "$1" || ! jmay -x "$1"; then
        E=PERMISSION
        return
    fi
    (
        cd "$1" || exit
        find . -mindepth 1 $2 -exec stat -c "<$J>$F %n" {} +
        find . -mindepth 1 $2 -type l -exec sh -c 'j=$1; shift; for f do printf "<%s>l%s<%s>" "$j" "$f" "$j"; readlink -n -- "$f"; echo; done' sh "$J" {} +
        [ "$3" = 0 ] || find . -mindepth 1 $2 -type f -exec sh -c 'j=$1; shift; for f do printf "<%s>s%s<%s>" "$j" "$f" "$j"; sha256sum <"$f"; done' sh "$J" {} +
    ) 2>"$T/e"
    [ -s "$T/e" ] && je
}

jread() { # limit path
    [ -e "$2" ] || { jnone "$2"; return; }
    [ -d "$2" ] && { E=IS_A_DIRECTORY; return; }
    jmay -r "$2" || { E=PERMISSION; return; }
    [ -p "$2" ] && return
    head -c "$1" <"$2" 2>"$T/e" || je
}

jget() { # path
    [ -e "$1" ] || { jnone "$1"; return; }
    [ -d "$1" ] && { E=IS_A_DIRECTORY; return; }
    jmay -r "$1" || { E=PERMISSION; return; }
    stat -L -c "$F" -- "$1" 2>"$T/e" || { je; return; }
    cat <"$1" 2>"$T/e" || je
}

jexpect() { # path kind mode uid gid size mtime checksum target: E is STALE when it is something else; jw what it is
    jw=
    [ -n "$2" ] || return 0
    E=STALE
    case $2 in
    m) jhas "$1" && return 1 ;;
    l) [ -L "$1" ] || return 1 ;;
    d) jdir "$1" || return 1 ;;
    f) [ -f "$1" ] && ! [ -L "$1" ] || return 1 ;;
    o) jhas "$1" && ! [ -f "$1" ] && ! [ -d "$1" ] && ! [ -L "$1" ] || return 1 ;;
    esac
    if [ "$2" = l ] && [ -n "$9" ]; then
        jx=$(readlink -n -- "$1" && echo x)
        [ "$jx" = "$9x" ] || return 1
    fi
    if [ "$2" != m ] && [ "$4" != -1 ]; then
        jw=$(stat -c "$FW" -- "$1") || return 1
        jx=${jw%% :u*}
        jy="$3 $4 $5 $6 $7"
        case $2 in
        f) [ -z "$8" ] || jx="${jx% *} $7" ;;
        l) jx="$3 ${jx#* }" ;;
        esac
        [ "$2" = f ] || { jx=${jx% *} jx=${jx% *} jy=${jy% *} jy=${jy% *}; }
        [ "$jx" = "$jy" ] || return 1
        if [ "$2" = f ] && [ -n "$8" ]; then
            jx=$(sha256sum <"$1")
            [ "${jx%% *}" = "$8" ] || return 1
        fi
    fi
    E=
}

jopen() { # path follow name mode owner group expect...: make the private file W, also open as 4, beside the path P
    P=$1 jn=$3 M=$4 O=$5 G=$6 W=
    [ "$2" = 0 ] || jresolve "$P"
    shift 6
    jparent "$P"
    if ! [ -d "$D" ]; then
        if [ -e "$D" ]; then E=NOT_A_DIRECTORY; else jnone "$P"; fi
        return 1
    fi
    jexpect "$P" "$@" || return 1
    if jdir "$P"; then
        E=IS_A_DIRECTORY
        return 1
    fi
    jaccounts "$O" "$G" || return 1
    if [ -f "$P" ] && ! [ -L "$P" ] && { [ -z "$M" ] || [ -z "$O" ] || [ -z "$G" ]; }; then
        [ -n "$jw" ] || jw=$(stat -c "$FW" -- "$P" 2>"$T/e") || { je; return 1; }
        M=${M:-${jw%% *}} jw=${jw#* }
        O=${O:-${jw%% *}} jw=${jw#* }
        G=${G:-${jw%% *}}
    fi
    M=${M:-644}
    [ "$O" != "$JI" ] && [ "$O" != "$JN" ] || O=
    { [ "$G" != "$JG" ] && [ "$G" != "$JH" ]; } || [ -g "$D" ] || G=
    jk=
    case $M in
    600) ;;
    644) umask 022 ;;
    640) umask 027 ;;
    660) umask 007 ;;
    664) umask 002 ;;
    *) jk=1 ;;
    esac
    W=$D/$jn
    set -C
    { command exec 4>"$W"; } 2>|"$T/e" || { W= && je; }
    set +C
    umask 077
    [ -n "$W" ] || return 1
    # Through the open file, whatever somebody who owns the directory makes of its name.
    jh=/proc/self/fd/4
    [ -e "$jh" ] || jh=$W
    if [ -n "$O" ]; then chown -- "$O${G:+:$G}" "$jh" 2>"$T/e" || { jdrop; return; }
    elif [ -n "$G" ]; then chgrp -- "$G" "$jh" 2>"$T/e" || { jdrop; return; }; fi
}

jplace() { # size?: put W in place, unless it was cut off and has another size
    if [ -n "$jk" ]; then chmod -- "$M" "$jh" 2>"$T/e" || { jdrop; return; }; fi
    jx=$(stat -L -c "$F" -- "$jh" 2>"$T/e") || { jdrop; return; }
    # Where the directory has default ACLs, the umask does not count.
    if [ $((0x${jx%% *} & 07777)) != $((0$M)) ]; then
        chmod -- "$M" "$jh" 2>"$T/e" && jx=$(stat -L -c "$F" -- "$jh" 2>"$T/e") || { jdrop; return; }
    fi
    jy=${jx#* * * }
    [ -z "$1" ] || [ "$1" = "${jy%% *}" ] || { printf 'it was cut off\n' >"$T/e" && jdrop; return; }
    exec 4>&-
    jmv "$W" "$P" || { jdrop; return; }
    W=
    printf '%s\n-\n' "$jx"
}

jmv() { # rename, never into a directory
    mv -f -T -- "$1" "$2" 2>"$T/e" && return
    # busybox takes a link to a directory for the directory.
    if [ -L "$2" ] && [ -d "$2" ]; then rm -f -- "$2" && mv -f -T -- "$1" "$2" 2>"$T/e"; else return 1; fi
}

jdrop() {
    je
    exec 4>&-
    rm -f -- "$W"
    W=
    return 1
}

jwrite() { # as jopen; jcontent prints what belongs into the file
    jopen "$@" || return
    # Shells call every failed write an input/output error; a tool says what it is.
    { jcontent >&4; } 2>"$T/e" || { jcontent | cat 2>"$T/e" >&4; jdrop; return; }
    jplace
}

jaccounts() { # owner group: E says when there is none
    [ -z "$1" ] || jknown "$1" passwd "$JI" "$JN" || return 1
    [ -z "$2" ] || jknown "$2" group "$JG" "$JH" || return 1
}

jknown() { # name database own-number own-name
    [ "$1" != "$3" ] && [ "$1" != "$4" ] || return 0
    case $1 in
    *[!0-9]*) ;;
    *) return 0 ;;
    esac
    # What is gone again by then is what chown complains about.
    case $JK in *"/$2:$1/"*) return 0 ;; esac
    if command -v getent >/dev/null; then
        getent "$2" "$1" >/dev/null && JK="$JK/$2:$1/" && return 0
    else
        while IFS=: read -r jx jy; do [ "$jx" != "$1" ] || { JK="$JK/$2:$1/" && return 0; }; done <"/etc/$2"
    fi
    E="NO_SUCH_ACCOUNT $1"
    return 1
}

jattributes() { # mode owner group follow count path... expect...
    M=$1 O=$2 G=$3 jf=$4 jc=$5
    shift 5
    jaccounts "$O" "$G" || return
    while [ "$S" -lt "$jc" ]; do
        P=$1
        shift
        [ "$jf" = 0 ] || jresolve "$P"
        jhas "$P" || { jnone "$P"; return; }
        jw=
        [ "$jc" != 1 ] || jexpect "$P" "$@" || return
        jown "$P" || return
        if [ -n "$M" ] && ! [ -L "$P" ]; then chmod -- "$M" "$P" 2>"$T/e" || { je; return; }; fi
        S=$((S + 1))
    done
}

jown() { # change owner O and group G of a path where they differ from what jw says, if anything
    [ -n "$O$G" ] || return 0
    [ -n "$jw" ] || jw=$(stat -c "$FW" -- "$1") || return 0
    jo=$O jg=$G
    case $jw in *":u $O "* | *":u "*" $O :g"*) jo= ;; esac
    case $jw in *":g $G "* | *":g "*" $G :") jg= ;; esac
    if [ -n "$jo" ]; then chown -h -- "$jo${jg:+:$jg}" "$1" 2>"$T/e" || { je; return 1; }
    elif [ -n "$jg" ]; then chgrp -h -- "$jg" "$1" 2>"$T/e" || { je; return 1; }; fi
}

jmkdir() { # mode owner group parents path
    M=$1 O=$2 G=$3 P=$5
    jaccounts "$O" "$G" || return
    jhas "$P" && { E=EXISTS; return; }
    jparent "$P"
    if [ "$4" = 1 ]; then jabove "$D" || return; fi
    [ -d "$D" ] || { if [ -e "$D" ]; then E=NOT_A_DIRECTORY; else jnone "$P"; fi; return; }
    jw=
    if ! [ -g "$D" ]; then
        jw=":u $JI $JN :g $JG $JH :"
        case $O in "$JI" | "$JN") O= ;; esac
        case $G in "$JG" | "$JH") G= ;; esac
    fi
    if [ -z "$O$G" ]; then
        mkdir -m "$M" -- "$P" 2>"$T/e" || { je; return; }
    else
        mkdir -m 700 -- "$P" 2>"$T/e" || { je; return; }
        jown "$P" && chmod "$M" "$P" 2>"$T/e" || { [ -n "$E" ] || je; rmdir -- "$P"; return; }
    fi
    # mkdir keeps the group bit that is inherited; five digits take it away.
    [ -g "$P" ] && chmod -- "$M" "$P"
    jshow "$P"
}

jabove() { # make a directory with all above it
    [ -d "$1" ] && return 0
    [ -e "$1" ] && { E=NOT_A_DIRECTORY; return 1; }
    jparent "$1"
    jabove "$D" || return 1
    { mkdir -m 755 -- "$1" 2>"$T/e" || [ -d "$1" ]; } || { je; return 1; }
}

jremove() { # recursive path expect...
    jr=$1 P=$2
    shift 2
    [ "$P" -ef / ] && ! [ -L "$P" ] && { E="OTHER the root directory is never removed"; return; }
    jexpect "$P" "$@" || return
    if ! jhas "$P"; then
        jnone "$P"
        [ "$E" = PERMISSION ] || E=
        return
    fi
    if ! jdir "$P"; then
        rm -f -- "$P" 2>"$T/e" || je
    elif [ "$jr" = 1 ]; then
        rm -rf -- "$P" 2>"$T/e" || je
    else
        rmdir -- "$P" 2>"$T/e" || je
    fi
}

jrename() { # replace source destination expect...
    jr=$1 P=$2 Q=$3
    shift 3
    jexpect "$P" "$@" || return
    jhas "$P" || { jnone "$P"; return; }
    jparent "$Q"
    S=1
    [ -d "$D" ] || { if [ -e "$D" ]; then E=NOT_A_DIRECTORY; else jnone "$Q"; fi; return; }
    if jhas "$Q"; then
        [ "$jr" = 1 ] || { E=EXISTS; return; }
        if jdir "$Q"; then
            jdir "$P" || { E=IS_A_DIRECTORY; return; }
        elif jdir "$P"; then
            E=NOT_A_DIRECTORY
            return
        fi
    fi
    # mv would copy from one file system to another.
    set -- $(stat -c %d -- "$P" "$D/.")
    [ "$1" = "$2" ] || { E="OTHER invalid cross-device link"; return; }
    jmv "$P" "$Q" || je
}

jcopy() { # replace source destination name
    P=$2 Q=$3
    [ -e "$P" ] || { jnone "$P"; return; }
    [ -d "$P" ] && { E=IS_A_DIRECTORY; return; }
    [ -f "$P" ] || { E="OTHER not a regular file"; return; }
    jmay -r "$P" || { E=PERMISSION; return; }
    S=1
    jparent "$Q"
    [ -d "$D" ] || { if [ -e "$D" ]; then E=NOT_A_DIRECTORY; else jnone "$Q"; fi; return; }
    jhas "$Q" && [ "$1" = 0 ] && { E=EXISTS; return; }
    jdir "$Q" && { E=IS_A_DIRECTORY; return; }
    W=$D/$4
    cp -p -- "$P" "$W" 2>"$T/e" || { jdrop; return; }
    jmv "$W" "$Q" || { jdrop; return; }
    W=
    jshow "$Q"
}

jlink() { # hard replace path target name expect...
    jh=$1 jr=$2 P=$3 jt=$4 jn=$5 W=
    shift 5
    jparent "$P"
    [ -d "$D" ] || { if [ -e "$D" ]; then E=NOT_A_DIRECTORY; else jnone "$P"; fi; return; }
    jexpect "$P" "$@" || return
    jdir "$P" && { E=IS_A_DIRECTORY; return; }
    # W is what the end of this shell removes: a private name, never the path itself.
    if jhas "$P"; then
        [ "$jr" = 1 ] || { E=EXISTS; return; }
        W=$D/$jn
    fi
    jn=${W:-$P}
    if [ "$jh" = 1 ]; then
        jhas "$jt" || { W= && jnone "$jt"; return; }
        ln -- "$jt" "$jn" 2>"$T/e" || { W= && je; return; }
    else
        ln -s -- "$jt" "$jn" 2>"$T/e" || { W= && je; return; }
    fi
    if [ -n "$W" ]; then
        if ! [ "$jh" = 1 ] || ! [ "$W" -ef "$P" ]; then jmv "$W" "$P" || { jdrop; return; }; fi
        rm -f -- "$W"
        W=
    fi
    jshow "$P"
}

jtemporary() { # prefix
    JC=$((JC + 1))
    mkdir -m 700 -- "$T/$1-$JC" 2>"$T/e" || { je; return; }
    printf %s "$T/$1-$JC"
}

jinside() { # name private-name: as jopen, for a program that gets a directory of its own, JD
    W=
    jtemporary script >/dev/null || return
    JD=$T/script-$JC
    jopen "$JD/$1" 0 "$2" 700 '' ''
}

jaway() { # remove it; what stays goes with this shell, or by the next one
    rm -rf -- "$JD" 2>/dev/null
}

jprogram() { # find a program as exec would; E says when there is none
    case $1 in
    */*) jq=$1 ;;
    *)
        jq=
        IFS=:
        for D in $PATH; do
            if [ -f "$D/$1" ] && [ -x "$D/$1" ]; then jq=$D/$1 && break; fi
        done
        unset IFS
        ;;
    esac
    if [ -z "$jq" ] || ! [ -e "$jq" ]; then
        E=NOT_FOUND
    elif [ -d "$jq" ] || ! [ -x "$jq" ]; then
        E=PERMISSION
    fi
    [ -z "$E" ]
}

jrun() { # timeout show limit cwd argv...: jenv sets its environment, T/i is its input
    jt=$1 js=$2 jl=$3 jd=$4
    shift 4
    true >"$T/w"
    # What the command leaves behind may go on writing to its files, so the next one gets others.
    JR=$((JR + 1))
    JF=$T/r$JR
    (
        exec 9<&-
        umask "$JU"
        jenv
        if [ -n "$jd" ]; then
            if ! [ -d "$jd" ]; then
                jnone "$jd"
                [ -e "$jd" ] && E=NOT_A_DIRECTORY
            elif ! cd "$jd"; then
                E=PERMISSION
            fi
            [ -z "$E" ] || { echo "$E d" >"$T/w" && exit 127; }
        fi
        jprogram "$1" || { echo "$E p" >"$T/w" && exit 127; }
        if [ -n "$JS" ]; then exec "$JS" "$@"; else exec "$@"; fi
    ) <"$T/i" >"$JF-o" 2>"$JF-x" 3<&- &
    jp=$!
    # Nothing but "stop" comes while a command runs, or the end of input when the control side is gone.
    (read -r jx <&3; kill -9 "-$jp" || kill -9 "$jp") >/dev/null 9<&- &
    jw=$!
    jk=
    if [ -n "$jt" ]; then
        $JS sh -c 'sleep "$1"; true >"$2"; kill -9 "-$3" || kill -9 "$3"' sh "$jt" "$JF-l" "$jp" >/dev/null 3<&- 9<&- &
        jk=$!
    fi
    jv=
    if [ "$js" = 1 ]; then
        (jstream) 3<&- &
        jv=$!
    fi
    wait "$jp"
    S=$?
    kill -9 "$jw"
    wait "$jw"
    # Whoever listens for "stop" ends by itself where it came, and then nothing else is begun.
    [ $? -gt 128 ] || STOP=1
    [ -z "$jk" ] || { kill -9 "-$jk" || kill -9 "$jk"; wait "$jk"; }
    if [ -n "$jv" ]; then
        true >"$JF-q"
        wait "$jv"
    fi
    if [ -s "$T/w" ]; then
        read -r E <"$T/w"
    elif [ -e "$JF-l" ]; then
        E=TIMEOUT
    else
        [ -s "$JF-o" ] && head -c "$jl" <"$JF-o"
        printf '\n~,%s \n' "$J"
        [ -s "$JF-x" ] && head -c "$jl" <"$JF-x"
    fi
    true >"$T/i"
    rm -f "$JF-o" "$JF-x" "$JF-l" "$JF-q" >/dev/null 3<&- &
}

jstream() { # show what a command writes while it runs
    exec 9<&-
    jo=0 jx=0 jz=
    while [ -z "$jz" ]; do
        sleep 0.2 || sleep 1
        [ -e "$JF-q" ] && jz=1
        jmore o "$jo" && jo=$jy
        jmore x "$jx" && jx=$jy
    done
}

jmore() { # file position: show the rest of a file; jy is where it ends
    jy=$(wc -c <"$JF-$1")
    jy=$((jy))
    [ "$jy" -gt "$2" ] || return
    printf '\n~%s%s \n' "$1" "$J"
    tail -c "+$(($2 + 1))" "$JF-$1" | head -c "$((jy - $2))"
    printf '\n~.%s \n' "$J"
}

jrefuse() { # why
    E="OTHER $1"
}

jdo() { # changing function arguments...; JOK has the exit codes after which a command lets the others run, if not all
    [ -z "$STOP" ] || return
    jc1=$1
    shift
    S=0
    if jours; then
        E=
        "$@"
    else
        E="TAKEN $JTAKEN" jc1=1
    fi
    printf '\n--%s %s %s\n' "$J" "$S" "$E"
    if [ -n "$E" ] && [ "$jc1" = 1 ]; then STOP=1; fi
    case $JOK in
    '' | *" $S "*) ;;
    *) STOP=1 ;;
    esac
    JOK=
}

# The host is held against other runs where JL names a file, which is open as descriptor 9 by the one who looks.
# Without /proc it is known by its number JFILE, which no other file gets as long as it is open.
jsame() {
    ! [ -L "$JL" ] || return 1
    if [ -n "$JFILE" ]; then [ "$(stat -c '%d %i' -- "$JL")" = "$JFILE" ]; else [ "$JL" -ef /proc/self/fd/9 ]; fi
}

jours() { # tell whether what we go by is still so; a shell that is to hold the host gets another one
    [ -z "$JL$JTAKEN" ] || { [ -z "$JTAKEN" ] && jsame; } || { JTAKEN=$JL && return 1; }
}

jtemp() { # find a place for private files and sweep what dead shells left there
    for jb in "${TMPDIR:-/tmp}" /tmp "$HOME" /var/tmp /dev/shm; do
        [ -d "$jb" ] && [ -w "$jb" ] || continue
        set +f
        for jx in "$jb/.jetpack-sh-$JI"-*; do
            jy=${jx#"$jb/.jetpack-sh-$JI-"}
            [ -d "$jx" ] && [ -O "$jx" ] && ! [ -L "$jx" ] && ! kill -0 "${jy%%-*}" && ! [ -d "/proc/${jy%%-*}" ] && rm -rf -- "$jx"
        done
        set -f
        T=$jb/.jetpack-sh-$JI-$$-$J
        mkdir -m 700 -- "$T" && true >"$T/i" && printf '\n~,%s \n' "$J" >"$T/d" && return
    done
    T=
}

JI=$(id -u) JN=$(id -un) JG=$(id -g) JH=$(id -gn)
LC_ALL=C
export LC_ALL
JS=$(command -v setsid)
F='%f %u %g %s %Y %U %G' FW='%a %u %g %s %Y :u %u %U :g %g %G :'
jtemp
JL=$JA JM= JP= JTAKEN= JFILE= JSEEN= JSILENT=0 JSIGN= W= JOK=
if [ -n "$JL" ]; then { [ -f "$JL" ] && command exec 9<"$JL" && jsame; } || JL=; fi
trap 'cd /; [ -z "$T" ] || rm -rf -- "$T"; [ -z "$W" ] || rm -f -- "$W"; [ -z "$JM" ] || jfree' EXIT
trap 'exit 1' HUP INT TERM PIPE
if [ -n "$T" ]; then
    printf '\n--%s 0 \n%s\n==%s \n' "$J" "$JN" "$J"
else
    printf '\n--%s 0 READ_ONLY\n==%s \n' "$J" "$J"
    exit 1
fi
while IFS= read -r jn; do
    # What is meant for the shell of another user must not be done by this one, should that shell have ended.
    case $jn in "$J"*) ;; *) continue ;; esac
    jn=${jn#"$J"}
    STOP= JOK=
    case $jn in
    R*) eval "${jn#R}" ;;
    N*) jx=$(head -c "${jn#N}") && eval "$jx" ;;
    [DP]*)
        if [ -n "$W" ]; then
            E= S=0
            # What cannot be written must be read all the same, or it would be taken for commands.
            jt=$jn jn=${jn%% *}
            head -c "${jn#?}" | { cat 2>"$T/e" >&4 || { cat >/dev/null; false; }; } || jdrop
            case $jn in P*) [ -n "$E" ] || jplace "${jt#* }" ;; esac
            printf '\n--%s 0 %s\n' "$J" "$E"
        else
            jn=${jn%% *}
            head -c "${jn#?}" >/dev/null
            printf '\n--%s 0 OTHER\n' "$J"
        fi
        ;;
    Q) exit 0 ;;
    *) continue ;;
    esac
    printf '\n==%s \n' "$J"
done
