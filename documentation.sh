#!/usr/bin/env bash
# Builds the documentation as web pages, offline. `documentation.sh --help` says how.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'END'
Builds the documentation of the library, the SDK, the conformance kit and Winsock Kernel with the docc that comes with Swift.

  documentation.sh DIR    writes DIR/NAME for each, to be served under /NAME; a doubtful link is an error

Needs the modules that `swift build` makes. To read it: python3 -m http.server -d DIR 8000, then
http://127.0.0.1:8000/lamina/documentation/lamina
END
}

case ${1:-} in
--help | -h)
    usage
    exit
    ;;
-*) echo "documentation.sh: $1 is unknown; documentation.sh --help says what is known" >&2 && exit 64 ;;
'') echo "documentation.sh: no folder is named; documentation.sh --help shows how" >&2 && exit 64 ;;
esac

built=.build/debug
[[ -d $built/Modules ]] || { echo "documentation.sh: $built/Modules is missing; swift build" >&2 && exit 1; }
graphs=$(mktemp -d)
trap 'rm -rf "$graphs"' EXIT
maps=()
for map in "$built"/C*.build/module.modulemap; do maps+=(-Xcc "-fmodule-map-file=$map"); done

for module in Lamina LaminaProvider LaminaConformance WinsockKernel; do
    mkdir -p "$graphs/$module" "$1"
    swift-symbolgraph-extract -module-name "$module" -target "$(uname -m)-unknown-linux-gnu" -I "$built/Modules" \
        -I Sources/CLamina/include -I Sources/CWinsockKernel/include "${maps[@]}" -minimum-access-level public -output-dir "$graphs/$module"
    # What it says of other modules' types is their documentation's.
    find "$graphs/$module" -name '*@*' -delete
    docc convert "Sources/$module/Documentation.docc" --additional-symbol-graph-dir "$graphs/$module" \
        --output-path "$1/${module,,}" --hosting-base-path "${module,,}" --transform-for-static-hosting \
        --warnings-as-errors --fallback-display-name "$module" --fallback-bundle-identifier "$module"
    echo "wrote $1/${module,,}"
done
