#!/usr/bin/env bash
# Renders the sample scenes beside this script to JPEGs: ./render.sh [NAME...], all of them without a name.
# The four *.pov need povray and the project's .venv (Pillow). Those of scenes.py need Blender's Python module 5.0.1,
# which wants Python 3.11, and Pillow: python3.11 -m pip install bpy==5.0.1 pillow (best into a venv of its own), then
# BLENDER_PYTHON=that/venv/bin/python ./render.sh teapot (python3.11 where BLENDER_PYTHON is not set).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
declare -A pov=([golf-ball]="0.3 2" [parachute]="0.15 3" [church]="0.25 2" [gas-pump]="0.2 3")   # anti-aliasing threshold, depth
scenes=(teapot orange bell-pepper hourglass teddy-bear mushroom ladybug lighthouse barn school-bus)
tmp=$(mktemp -d ./render.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
render_pov() {   # scene, anti-aliasing threshold, depth
  echo "rendering $1"
  povray "$1.pov" "+O$tmp/$1.png" +W640 +H480 "+A$2" "+R$3" -D >"$tmp/$1.log" 2>&1 || { tail -n 20 "$tmp/$1.log" >&2; exit 1; }
  ../.venv/bin/python -c 'import sys; from PIL import Image; Image.open(sys.argv[1]).convert("RGB").save(sys.argv[2], quality=int(sys.argv[3]), optimize=True, progressive=True)' "$tmp/$1.png" "$1.jpg" 90
}
render_blender() {
  echo "rendering $1"
  "${BLENDER_PYTHON:-python3.11}" -W ignore scenes.py "$1" >"$tmp/$1.log" 2>&1 || { tail -n 20 "$tmp/$1.log" >&2; exit 1; }
}
[ $# -gt 0 ] || set -- golf-ball parachute church gas-pump "${scenes[@]}"
for name in "$@"; do
  if [[ -v pov[$name] ]]; then
    read -r threshold depth <<<"${pov[$name]}"
    render_pov "$name" "$threshold" "$depth"
  elif [[ " ${scenes[*]} " == *" $name "* ]]; then
    render_blender "$name"
  else
    echo "no scene $name; there are ${!pov[*]} ${scenes[*]}" >&2
    exit 1
  fi
done
