#!/usr/bin/env bash
# Builds Lamina, and installs it under a prefix, or packs it. `install.sh --help` says how.
set -euo pipefail
umask 022
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'END'
Builds Lamina in release mode and installs it. Nothing of Swift is needed where it runs.

  install.sh --prefix DIR               install under DIR (/usr/local unless given)
  install.sh --prefix DIR --uninstall   remove exactly what was installed there
  install.sh --tarball FILE.tar.gz      pack a tree that runs wherever it is unpacked
  install.sh --deb FILE.deb             make a Debian package (under /usr)

  --destdir DIR     put DIR before the prefix, for packagers
  --dependencies    install by apt what building and testing need, where it is missing
  --no-build        take what `swift build -c release --static-swift-stdlib` has built already
END
}

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

# What is installed, relative to the prefix.
readonly plugins=(Kernel Memory Trace Count Hosts Redirect Resolver Socks5 Throttle Fault Firewall Meter)
readonly list=share/lamina/installed

install_dependencies() {
    local missing=() pair
    for pair in gcc:gcc g++:g++ curl:curl pkg-config:pkg-config git:git nm:binutils dpkg-shlibdeps:dpkg-dev \
        microsocks:microsocks; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    pkg-config --exists libffi 2>/dev/null || missing+=(libffi-dev)
    ((${#missing[@]})) || return 0
    local root=()
    [[ $(id -u) == 0 ]] || root=(sudo)
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" ||
        { "${root[@]}" apt-get update &&
            DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y --no-install-recommends "${missing[@]}"; } ||
        fail "apt could not install ${missing[*]}; install them and call this again"
}

build() {
    command -v swift >/dev/null || fail "swift is not in PATH; install Swift 6.3 from https://swift.org/install"
    swift build -c release --static-swift-stdlib
    # Of the library that reads the command line.
    swift build -c release --static-swift-stdlib --product generate-manual
}

# put MODE FILE TARGET: copies a file under the prefix.
put() {
    mkdir -p "$root/$(dirname "$3")"
    rm -f "$root/$3"
    install -m "$1" "$2" "$root/$3"
    files+=("$3")
}

# generate TARGET COMMAND…: writes a command's output under the prefix.
generate() {
    local target=$1
    shift
    mkdir -p "$root/$(dirname "$target")"
    "$@" >"$root/$target.new" || fail "$target could not be written: $* failed"
    chmod 644 "$root/$target.new"
    mv "$root/$target.new" "$root/$target"
    files+=("$target")
}

# Winsock Kernel: its library, headers in the cases that sources write them in, and compiler.
install_wsk() {
    local file name written
    put 644 .build/release/libWinsockKernel.so lib/liblamina-wsk.so.0
    ln -sfn liblamina-wsk.so.0 "$root/lib/liblamina-wsk.so"
    files+=(lib/liblamina-wsk.so)
    for file in Sources/CWinsockKernel/include/*.h; do
        name=${file##*/}
        [[ $name == wsk_internal.h ]] && continue
        put 644 "$file" "include/lamina/wsk/$name"
        [[ $name == wsk_* ]] && continue
        for written in "${name^}" "${name^^}" "$(tr '[:lower:]' '[:upper:]' <<<"${name%.h}").h"; do
            generate "include/lamina/wsk/$written" echo "#include \"$name\""
        done
    done
    put 755 Sources/WinsockKernel/Tools/wsk-cc bin/wsk-cc
    generate lib/pkgconfig/lamina-wsk.pc sed "s/@VERSION@/$version/" Sources/WinsockKernel/Tools/lamina-wsk.pc.in
}

# A page for each command, as `man lamina run` looks for them.
install_manuals() {
    local file name date
    date=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%F)
    mkdir "$stage/manuals"
    .build/release/generate-manual --multi-page --date "$date" --output-directory "$stage/manuals" .build/release/lamina ||
        fail "the manual could not be written"
    for file in "$stage"/manuals/*.1; do
        name=$(basename "$file" .1)
        # Empty lines are no paragraphs, and the exit status that is said for all isn't that of a run.
        generate "share/man/man1/${name//./-}.1" sed -E -e '/^\.Dt/s/([A-Z])\.([A-Z])/\1-\2/g' -e 's/^$/.Pp/' \
            -e '/^\.(Sh "EXIT STATUS"|Ex -std)/d' "$file"
    done
}

# Installs everything under $root.
install_tree() {
    local built=.build/release name file
    put 755 $built/lamina bin/lamina
    local lamina=$root/bin/lamina
    put 644 $built/libLaminaC.so lib/liblamina.so.0
    ln -sfn liblamina.so.0 "$root/lib/liblamina.so"
    files+=(lib/liblamina.so)
    put 644 $built/libLaminaPreload.so lib/lamina/libLaminaPreload.so
    put 755 $built/lamina-fetch lib/lamina/lamina-fetch
    for name in "${plugins[@]}"; do
        put 644 "$built/libLamina$name.so" "lib/lamina/libLamina$name.so"
        put 644 "Plugins/$name/manifest.json" "share/lamina/catalog.d/${name,,}.json"
    done

    for file in Sources/CLamina/include/*.{h,def} Sources/LaminaC/include/*.h; do
        # What the framework's own links point to is nobody else's.
        [[ -e $file && $file != */lamina_stubs.h ]] && put 644 "$file" "include/lamina/${file##*/}"
    done
    install_wsk
    put 644 $built/libCLaminaFFI.a lib/liblamina-ffi.a
    put 644 Sources/CLaminaFFI/include/lamina_generic.h include/lamina/lamina_generic.h
    generate lib/pkgconfig/lamina-ffi.pc sed "s/@VERSION@/$version/" Sources/CLaminaFFI/lamina-ffi.pc.in
    generate lib/pkgconfig/lamina.pc sed "s/@VERSION@/$version/" Sources/LaminaC/lamina.pc.in

    local sdk=share/lamina/LaminaProvider
    put 644 Sources/LaminaProvider/Package.swift.in $sdk/Package.swift
    put 644 Plugins/plugin.map $sdk/plugin.map
    while IFS= read -r file; do
        put 644 "$file" "$sdk/$file"
    done < <(find Sources/{CLamina,CLinux,CFFI,CLaminaFFI,CLaminaPlugin,Lamina,LaminaProvider,LaminaFFI,LaminaConformance} -type f ! -name '*.in' | sort)

    while IFS= read -r file; do
        put 644 "$file" "share/lamina/templates/${file#Templates/}"
    done < <(find Templates -type f | sort)

    install_manuals
    generate share/bash-completion/completions/lamina "$lamina" --generate-completion-script bash
    generate share/zsh/site-functions/_lamina "$lamina" --generate-completion-script zsh
    generate share/fish/vendor_completions.d/lamina.fish "$lamina" --generate-completion-script fish
    put 644 LICENSE share/doc/lamina/copyright
}

# Removes what the list under $root names, and the folders that this leaves empty.
uninstall() {
    local file
    [[ -f $root/$list ]] || fail "$root/$list is missing, so nothing says what was installed there"
    while IFS= read -r file; do
        rm -f "$root/$file"
    done <"$root/$list"
    rm -f "$root/$list"
    sed 's|/[^/]*$||' "$1" | sort -ru | while IFS= read -r file; do
        while [[ $file != . && $file != */.. ]]; do
            rmdir "$root/$file" 2>/dev/null || break
            [[ $file == */* ]] || break
            file=${file%/*}
        done
    done
}

pack_tarball() {
    local name=lamina-$version-linux-$(uname -m)
    mv "$root" "$stage/$name"
    tar --sort=name --owner=0 --group=0 --numeric-owner -czf "$1" -C "$stage" "$name"
    echo "packed $1: unpack it anywhere, and call $name/bin/lamina"
}

pack_deb() {
    command -v dpkg-shlibdeps >/dev/null || fail "dpkg-shlibdeps is missing; apt-get install dpkg-dev"
    local architecture depends
    architecture=$(dpkg --print-architecture)
    # dpkg-shlibdeps reads debian/control of the directory that it is called in.
    mkdir -p "$stage/source/debian"
    printf 'Source: lamina\n\nPackage: lamina\nArchitecture: any\n' >"$stage/source/debian/control"
    depends=$(cd "$stage/source" && dpkg-shlibdeps -O --ignore-missing-info -l"$root/lib" \
        "$root/bin/lamina" "$root/lib/liblamina.so.0" "$root"/lib/lamina/*.so 2>/dev/null | sed 's/^shlibs:Depends=//')
    mkdir -p "$stage/package/DEBIAN"
    cat >"$stage/package/DEBIAN/control" <<END
Package: lamina
Version: $version
Architecture: $architecture
Maintainer: The Lamina project <lamina@localhost>
Installed-Size: $(du -sk "$stage/package/usr" | cut -f1)
Depends: ${depends:-libc6}
Section: net
Priority: optional
Description: layers between programs and the network
 A catalog of small plug-ins that stack between a program and the kernel's
 sockets: they trace, count, shape or replace what passes. Programs reach them
 through a library, or without being changed under lamina run.
END
    echo "activate-noawait ldconfig" >"$stage/package/DEBIAN/triggers"
    dpkg-deb --root-owner-group --build "$stage/package" "$1" >/dev/null
    echo "made $1"
}

prefix=/usr/local destdir='' action=install file='' must_build=1
while (($#)); do
    case $1 in
    --prefix | --destdir | --tarball | --deb)
        (($# > 1)) || fail "$1 takes a value"
        case $1 in
        --prefix) prefix=$2 ;;
        --destdir) destdir=$2 ;;
        *) action=${1#--} file=$2 ;;
        esac
        shift
        ;;
    --uninstall) action=uninstall ;;
    --dependencies) install_dependencies ;;
    --no-build) must_build=0 ;;
    --help | -h)
        usage
        exit
        ;;
    *) fail "$1 is unknown; install.sh --help says what is known" ;;
    esac
    shift
done

files=()
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

case $action in
install | uninstall)
    root=$destdir$(realpath -m -- "$prefix")
    if [[ -f $root/$list ]]; then
        cp "$root/$list" "$stage/list"
    elif [[ $action == uninstall ]]; then
        fail "$root/$list is missing, so nothing says what was installed there"
    fi
    ;;
tarball) root=$stage/tree ;;
deb) root=$stage/package/usr ;;
esac

if [[ $action == uninstall ]]; then
    uninstall "$stage/list"
    echo "removed Lamina from $root"
    exit
fi

((must_build)) && build
version=$(.build/release/lamina --version)
# An older version's files must not stay behind.
[[ -f $stage/list ]] && uninstall "$stage/list"
mkdir -p "$root"
install_tree
case $action in
install)
    mkdir -p "$root/share/lamina"
    printf '%s\n' "${files[@]}" >"$root/$list"
    echo "installed Lamina $version in $root"
    ;;
*) "pack_$action" "$file" ;;
esac
