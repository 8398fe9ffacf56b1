#!/usr/bin/env bash
# Renders the four sample scenes beside this script to JPEGs of 640x480. Needs povray and the project's .venv (Pillow).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
tmp=$(mktemp -d ./render.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
render() {   # scene, anti-aliasing threshold, depth
  echo "rendering $1"
  povray "$1.pov" "+O$tmp/$1.png" +W640 +H480 "+A$2" "+R$3" -D >"$tmp/$1.log" 2>&1 || { tail -n 20 "$tmp/$1.log" >&2; exit 1; }
  ../.venv/bin/python -c 'import sys; from PIL import Image; Image.open(sys.argv[1]).convert("RGB").save(sys.argv[2], quality=int(sys.argv[3]), optimize=True, progressive=True)' "$tmp/$1.png" "$1.jpg" 90
}
render golf-ball 0.3 2
render parachute 0.15 3
render church 0.25 2
render gas-pump 0.2 3
