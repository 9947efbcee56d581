#!/bin/sh
# Gets what draws the page: preact with htm, and uPlot, from npm, each of exactly one version and content; uglify-js,
# which takes comments and long names out of our own modules (docs/design/0018); and axe-core, with which the browser
# tests look for what keeps people out. No bundler: every module stays a file of its own.
#
#   page.sh            without node it says what is lost, and is content
#   page.sh --quiet    says nothing when all is there already
set -eu
cd "$(dirname "$0")/.."

static=src/tocsin/web/static
vendor=$static/vendor
folder=build/page
packages='htm@3.1.1 preact@10.29.8 uplot@1.6.32 axe-core@4.14.1 uglify-js@3.19.3'  # preact for its licence: htm brings its code

fits() {  # FILE SHA256: whether the file is there, and what it should be
    [ -f "$1" ] && [ "$( (sha256sum <"$1" || shasum -a 256 <"$1") 2>/dev/null | cut -d' ' -f1)" = "$2" ]
}

js=72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7
plot=19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f
axe=29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c
minifier=f19cffcec1e7fc1f01395d274b7abadd94ec93b6c37e71f6e9eee87f6fdd9d42  # of all it runs, one file behind the other
modules=$folder/node_modules

make_lean() {  # Without it the sources are served as they stand: larger, and the same page.
    cat $modules/uglify-js/lib/*.js $modules/uglify-js/tools/node.js >$folder/minifier 2>/dev/null || return 0
    fits $folder/minifier $minifier \
        || { echo "page: uglify-js is not what it was when it was looked at; it is not run" >&2; exit 1; }
    node scripts/lean.js $static $modules/uglify-js
}

if fits $vendor/preact-htm.js $js && fits $vendor/uplot.js $plot && fits $modules/axe-core/axe.min.js $axe \
    && [ -d $modules/uglify-js ]; then
    make_lean
    [ "${1:-}" = --quiet ] || echo "page: all is there"
    exit 0
fi
if ! command -v npm >/dev/null 2>&1; then
    echo "page: going on without npm" >&2
    echo "      Lost: the page that 'tocsin run --web' shows; its API answers all the same" >&2
    echo "      To mend it: apt install npm, then make page" >&2
    exit 0
fi
mkdir -p $folder $vendor
# Beside the repository's own files nothing is written, and no script of a package is run.
if ! (cd $folder && npm install --prefix . --no-save --no-package-lock --ignore-scripts --no-audit --no-fund \
    --loglevel=error $packages >/dev/null); then
    echo "page: npm could not install $packages; is its registry reachable? The page goes missing, the rest works" >&2
    exit 0
fi
for pair in "$modules/htm/preact/standalone.module.js $js" "$modules/uplot/dist/uPlot.iife.min.js $plot" \
    "$modules/axe-core/axe.min.js $axe"; do
    # shellcheck disable=SC2086  # two words
    set -- $pair
    fits "$1" "$2" || { echo "page: $1 is not what it was when it was looked at; nothing is copied" >&2; exit 1; }
done
cp $modules/htm/preact/standalone.module.js $vendor/preact-htm.js
cp $modules/uplot/dist/uPlot.iife.min.js $vendor/uplot.js
cp $modules/htm/LICENSE $vendor/htm-licence.txt
cp $modules/preact/LICENSE $vendor/preact-licence.txt
cp $modules/uplot/LICENSE $vendor/uplot-licence.txt
make_lean
echo "page: $packages are in $vendor"
