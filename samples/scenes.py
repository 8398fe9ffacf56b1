"""Ten sample scenes, built, lit and rendered with Blender's Python module; every shape and pattern is made here.

python3.11 -m pip install bpy==5.0.1 pillow   # bpy 5.0.1 needs Python 3.11
python samples/scenes.py [NAME...]            # all, or the named scenes: NAME.jpg beside this file

Units are as suits each scene, z is up. A shape's `stuff` is a material, or short "COLOUR [COLOUR] [.ROUGHNESS]";
rows of numbers are an array, or short "x,y,z x,y,z". SAMPLES=24 in the environment gives a quick look.
"""

import os
import sys
import time
from math import cos, pi, radians, sin
from pathlib import Path
from tempfile import TemporaryDirectory

import bpy
import numpy as np
from mathutils import Vector
from PIL import Image

GLOW = dict(Subsurface_Weight=0.1, Subsurface_Radius=(0.3, 0.1, 0.03))  # light wanders inside fruit, red the farthest
SIDES = (-1, 1)
rng = np.random.default_rng(1)
START = rng.bit_generator.state


def rows(numbers):
    return np.array([p.split(",") for p in numbers.split()] if isinstance(numbers, str) else numbers, float)


# ---------- materials ----------
def rgb(code):
    """A colour as one writes it on the web -> linear light."""
    shares = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return (*(c / 12.92 if c <= 0.04 else ((c + 0.055) / 1.055) ** 2.4 for c in shares), 1.0)


def node(tree, kind, *inputs):
    """Adds a shader node; each input is a value, another node's output, or None for as it is. -> its first output"""
    made = tree.nodes.new(f"ShaderNode{kind}")
    for slot, value in zip(made.inputs, inputs, strict=False):
        if isinstance(value, bpy.types.NodeSocket):
            tree.links.new(value, slot)
        elif value is not None:
            slot.default_value = value
    return made.outputs[0]


def ramp(tree, value, edges, codes):
    """From one colour to another while `value` goes from edge to edge."""
    out = node(tree, "ValToRGB", value)
    for stop, edge, code in zip(out.node.color_ramp.elements, edges, codes, strict=True):
        stop.position, stop.color = edge, rgb(code)
    return out


def material(colours, scale=4.0, stretch=(1, 1, 1), rough=0.5, bump=0.0, fine=4.0, **more):
    """One colour, or two that mix by noise, with bumps; `more` are inputs of Blender's Principled BSDF."""
    made, codes = bpy.data.materials.new("stuff"), colours.split()
    made.use_nodes = True
    tree, inputs = made.node_tree, made.node_tree.nodes["Principled BSDF"].inputs
    for name, value in dict(more, Roughness=rough, Base_Color=rgb(codes[0])).items():
        inputs[name.replace("_", " ")].default_value = value
    where = node(tree, "Mapping", node(tree, "NewGeometry"), None, None, stretch)
    if len(codes) == 2:
        mixed = ramp(tree, node(tree, "TexNoise", where, None, scale, 6.0), (0.35, 0.65), codes)
        tree.links.new(mixed, inputs["Base Color"])
    if bump:
        relief = node(tree, "Bump", bump)
        relief.node.inputs["Distance"].default_value = 0.1
        tree.links.new(node(tree, "TexNoise", where, None, fine, 6.0), relief.node.inputs["Height"])
        tree.links.new(relief, inputs["Normal"])
    return made


# ---------- shapes ----------
def placed(data, stuff, at=(0, 0, 0), turn=(0, 0, 0), weld=False, soft=0, bevel=0.0):
    """An object of this shape; `turn` in degrees; `weld` closes seams, `soft` rounds all, `bevel` only the edges."""
    thing = bpy.data.objects.new("thing", data)
    thing.location, thing.rotation_euler = at, [radians(a) for a in turn]
    if isinstance(stuff, str):
        colours, _, rough = stuff.partition(" .")
        stuff = material(colours, rough=float(f".{rough or 5}"))
    data.materials.append(stuff)
    if weld:
        thing.modifiers.new("weld", "WELD").merge_threshold = 1e-4
    if bevel:
        edges = thing.modifiers.new("bevel", "BEVEL")
        edges.width, edges.segments = bevel, 4
    if soft:
        thing.modifiers.new("soft", "SUBSURF").render_levels = soft
    bpy.context.collection.objects.link(thing)


def mesh(points, faces, stuff, smooth=False, **how):
    data = bpy.data.meshes.new("mesh")
    data.from_pydata(np.asarray(points, float).tolist(), [], faces)
    data.polygons.foreach_set("use_smooth", [smooth] * len(data.polygons))
    placed(data, stuff, **how)


def sheet(form, stuff, across=64, along=32, u=(0, 2 * pi), v=(0, 1), **how):
    """The surface that form(u, v) -> x, y, z draws for u and v within their bounds."""
    grid = np.meshgrid(np.linspace(*u, across + 1), np.linspace(*v, along + 1))
    points = np.stack(np.broadcast_arrays(*form(*(a.ravel() for a in grid))), -1)
    i = (np.arange(along)[:, None] * (across + 1) + np.arange(across)).ravel()
    faces = np.stack([i, i + 1, i + across + 2, i + across + 1], -1).tolist()
    mesh(points, faces, stuff, smooth=True, weld=True, **how)


def lathe(profile, stuff, soft=2, size=1.0, **how):
    """A profile of (radius, height) turned about the upright axis."""
    r, z = rows(profile).T * size
    form = lambda a, v: (r[v.astype(int)] * np.cos(a), r[v.astype(int)] * np.sin(a), z[v.astype(int)])  # noqa: E731
    sheet(form, stuff, 48, len(r) - 1, v=(0, len(r) - 1), soft=soft, **how)


def wobble(x, y, z=0.0, scale=1.0):
    """A smooth field in about -1..1."""
    waves = np.random.default_rng(3).normal(size=(14, 4)) * scale
    return sum(np.sin(a * x + b * y + c * z + 5 * d / scale) for a, b, c, d in waves) / 5


def balls(middles_and_radii, stuff, lumps=0.0, **how):
    """Ellipsoids, lumpy if asked: x, y, z, then the radii along them."""
    for *at, a, b, c in rows(middles_and_radii):

        def form(u, v, at=at, radii=(a, b, c)):
            out = np.stack([np.sin(v) * np.cos(u), np.sin(v) * np.sin(u), -np.cos(v)], -1)
            return (out * radii * (1 + lumps * wobble(*(out + at).T, scale=3))[:, None]).T

        sheet(form, stuff, v=(0, pi), at=at, **how)


def slab(outline, thick, stuff, **how):
    """An outline in x and z, extruded along y about 0."""
    n = len(outline := rows(outline))
    points = [(x, s * thick / 2, z) for s in SIDES for x, z in outline]
    sides = [(i, (i + 1) % n, n + (i + 1) % n, n + i) for i in range(n)]
    mesh(points, [tuple(range(n))[::-1], tuple(range(n, 2 * n)), *sides], stuff, **how)


def boxes(middles_and_sizes, stuff, bevel=0.02, **how):
    for *at, a, b, c in rows(middles_and_sizes):
        slab([(-a / 2, -c / 2), (a / 2, -c / 2), (a / 2, c / 2), (-a / 2, c / 2)], b, stuff, at=at, bevel=bevel, **how)


def both(numbers, axis=0):
    """The rows and their mirror images."""
    return np.concatenate([rows(numbers) * np.where(np.arange(6) == axis, s, 1) for s in SIDES])


def arc(radius, start=0.0, end=2 * pi, parts=24):
    return [(radius * cos(t), radius * sin(t)) for t in np.linspace(start, end, parts + 1)]


def tube(points, radius, stuff, **how):
    """A round bar through these points; one radius, or one a point."""
    data, points = bpy.data.curves.new("tube", "CURVE"), rows(points)
    data.dimensions, data.bevel_depth, data.bevel_resolution, data.use_fill_caps = "3D", 1.0, 6, True
    spline = data.splines.new("NURBS" if len(points) > 2 else "POLY")
    spline.points.add(len(points) - 1)
    for knot, point, r in zip(spline.points, points, np.broadcast_to(radius, len(points)), strict=True):
        knot.co, knot.radius = (*point, 1), r
    spline.use_endpoint_u, spline.order_u, spline.resolution_u = True, min(4, len(points)), 16
    placed(data, stuff, **how)


def strands(roots, away, radius, stuff, droop):
    """Hairs or blades of grass from `roots` by `away`, thinner towards tips that sink by `droop` of their length."""
    t = np.linspace(0, 1, 5)
    way = roots[:, None] + away[:, None] * t[None, :, None]
    way[..., 2] -= droop * np.linalg.norm(away, axis=1)[:, None] * t**2
    data = bpy.data.hair_curves.new("strands")
    data.add_curves([5] * len(roots))
    data.attributes["position"].data.foreach_set("vector", way.astype(np.float32).ravel())
    width = np.tile(radius * (1 - 0.85 * t), len(roots)).astype(np.float32)
    data.attributes.new("radius", "FLOAT", "POINT").data.foreach_set("value", width)
    placed(data, stuff)


def field(soil, blades, x, y, z, near, count, height):
    """Land of height z(x, y) over x[0]..x[1] by y[0]..y[1], with grass over near[:2] by near[2:]."""
    sheet(lambda u, v: (u, v, z(u, v)), soil, 120, 120, x, y)
    u, v = rng.uniform(*near[:2], count), rng.uniform(*near[2:], count)
    rise = height * rng.uniform(0.5, 1, (count, 1)) * (rng.normal(size=(count, 3)) * (0.45, 0.45, 0) + (0, 0, 1))
    strands(np.stack([u, v, z(u, v)], -1), rise, 0.02, blades, 0.15)


def furry(middles_and_radii, skin, hair, count, length, radius):
    """Ellipsoids with hair all over, `count` strands on each unit of their faces."""
    balls(middles_and_radii, skin)
    unit = lambda a: a / np.linalg.norm(a, axis=1, keepdims=True)  # noqa: E731
    for at, radii in ((row[:3], row[3:]) for row in rows(middles_and_radii)):
        out = unit(rng.normal(size=(int(count * radii[0] * radii[2]), 3)))
        away = (unit(out / radii) + rng.normal(size=out.shape) * 0.45) * rng.uniform(0.5, 1, (len(out), 1))
        strands(at + out * radii, length * away, radius, hair, 0.3)


def foliage(centres, reach, count, size, stuff):
    """Leaves scattered through balls about these centres."""
    out = rng.normal(size=(count, 3))
    out *= (reach * rng.uniform(0.3, 1, count) ** 0.4 / np.linalg.norm(out, axis=1))[:, None]
    middle = rows(centres)[rng.integers(len(centres), size=count)] + out
    a, b = rng.normal(size=(2, count, 3)) * size * 0.6
    points = np.stack([middle - a, middle + b * 0.6, middle + a, middle - b * 0.6], 1).reshape(-1, 3)
    mesh(points, np.arange(4 * count).reshape(-1, 4).tolist(), stuff)


def trees(x, y, height):
    """A row of trees at x, at a depth within y, of a height within `height`."""
    for left in x:
        foot, tall = np.array((left + rng.uniform(-2, 2), rng.uniform(*y), 0)), rng.uniform(*height)
        tube([foot, foot + (0, 0, tall * 0.6)], (tall * 0.035, tall * 0.02), "4a3826 .9")
        tops = foot + (0, 0, tall * 0.64) + rng.uniform(-1, 1, size=(14, 3)) * (tall * 0.2, tall * 0.2, tall * 0.16)
        foliage(tops, tall * 0.15, 9000, tall * 0.022, "2f5a1c 5c8a30 .7")


# ---------- light, surroundings, camera ----------
def facing(data, at, look=(0, 0, 0)):
    thing = bpy.data.objects.new("thing", data)
    thing.location, thing.rotation_euler = at, (Vector(look) - Vector(at)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.collection.objects.link(thing)
    return thing


def lamp(kind, at, power, colour, size):
    data = bpy.data.lights.new("lamp", kind)
    data.energy, data.color = power, rgb(colour)[:3]
    setattr(data, "angle" if kind == "SUN" else "size", size)
    facing(data, at)


def daylight(sun, power=4.2, low="c9dcea", high="3f78c0", clouds=0.0, drift=0.0, shine=1.0):
    """Sunlight from `sun`, and air from `low` at the horizon to `high`, `clouds` of it white."""
    lamp("SUN", sun, power, "fff1dc", radians(1.5))
    world = bpy.context.scene.world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    tree = world.node_tree
    way = node(tree, "TexCoord")
    up = node(tree, "SeparateXYZ", way).node.outputs["Z"]
    colour = ramp(tree, up, (0.0, 0.55), (low, high))
    if clouds:  # on a ceiling, so that they shrink towards the horizon
        flat = node(tree, "VectorMath", way, node(tree, "Math", up, 0.22))
        flat.node.operation = "DIVIDE"
        puffs = node(tree, "TexNoise", node(tree, "Mapping", flat, (drift, drift, 0), None, (1, 1, 0)), None, 1.5, 9.0)
        cover = ramp(tree, puffs, (0.75 - 0.5 * clouds, 1 - 0.5 * clouds), ("000000", "ffffff"))
        colour = node(tree, "MixRGB", cover, colour, rgb("f4f6f8"))
    tree.links.new(colour, tree.nodes["Background"].inputs["Color"])
    tree.nodes["Background"].inputs["Strength"].default_value = shine


def room(wall):
    """A table of planks before a wall, with a window on the left."""
    wood = material("7a4a26 b07a45", scale=1.2, stretch=(3, 0.25, 1), rough=0.35, bump=0.15, fine=6)
    boxes([(i * 1.5, 2, -0.1, 1.48, 16, 0.2) for i in range(-7, 8)], wood)
    boxes("0,9,3,40,.2,12", material(wall, rough=0.9, bump=0.2, fine=8))
    lamp("AREA", (-6, -1, 6), 840, "fff4e4", 3.5)
    lamp("AREA", (6, -5, 5), 180, "dfeaff", 4)
    daylight((0, 0, 1), 0, "cfd6dd", "e8e8e8", shine=0.35)


def camera(at, look, lens, blur=None, size=(640, 480)):
    """`look` is sharp; `blur`: the f-number, None for all sharp."""
    scene, data = bpy.context.scene, bpy.data.cameras.new("camera")
    data.lens, data.dof.use_dof, data.dof.focus_distance = lens, blur is not None, (Vector(look) - Vector(at)).length
    data.dof.aperture_fstop = blur or 8
    scene.camera = facing(data, at, look)
    scene.render.resolution_x, scene.render.resolution_y = size


# ---------- scenes ----------
def teapot():
    room("d8d4c8")
    glaze = material("6a3418 844a24", scale=1.5, rough=0.1, Coat_Weight=0.6)
    body = "0,.05 .55,.05 .6,0 .72,0 .72,.08 1.02,.35 1.2,.8 1.08,1.25 .75,1.55 .56,1.64 .56,1.7 .5,1.7"
    lathe(body, glaze)
    lathe(".55,1.68 .56,1.72 .4,1.82 .16,1.88 .1,1.92 .1,1.98 .18,2.05 .17,2.15 .08,2.2 0,2.2", glaze)
    tube(".7,0,.6 1.3,0,.6 1.6,0,1 1.7,0,1.45 2,0,1.65", (0.36, 0.32, 0.2, 0.14, 0.12), glaze)
    tube("-.95,0,1.35 -1.3,0,1.75 -1.85,0,1.55 -1.85,0,.9 -1.4,0,.5 -1.05,0,.5", 0.1, glaze)
    camera((1.0, -7.2, 2.7), (0.05, 0, 0.95), 55, 0.35)


def orange():
    room("8f9aa0")
    peel = material("e8730a f59a1c", scale=1.0, rough=0.33, bump=0.35, fine=14, **GLOW)
    flesh = material("ee7f0a f9a52c", scale=5, rough=0.12, bump=0.5, fine=9, **GLOW)
    balls("-.9,.5,.93,1,1,.94 1.05,.9,.88,.95,.95,.89", peel, 0.02)
    balls("-1,.2,1.84,.08,.08,.04 .95,.6,1.75,.08,.08,.04", "5d6b2c")
    half = dict(at=(0.15, -0.8, 0.85), turn=(62, 0, -8))
    lathe(".9,0 .88,-.25 .7,-.6 .35,-.82 0,-.88", peel, **half)
    lathe("0,0 .84,0", "f8dfa0 .4", soft=0, **half)
    lathe(".84,0 .9,0 .9,-.03", peel, soft=0, **half)
    for a in np.arange(10) * pi / 5:
        wedge = [(0.07 * cos(a), 0.07 * sin(a)), *arc(0.8, a - 0.25, a + 0.25)]
        slab(wedge, 0.05, flesh, bevel=0.02, at=half["at"], turn=(152, 0, -8))
    camera((0.3, -6.2, 2.9), (0.05, 0, 0.75), 55, 0.4, (640, 640))


def bell_pepper():
    room("c9c2b2")
    r, z = rows("0,.18 .35,.03 .62,0 .8,.12 .9,.4 .97,.75 1,1.1 1,1.45 .95,1.75 .8,1.95 .5,1.93 .12,1.72").T

    def form(a, v):
        lobes = np.cos(4 * a + 0.5)
        wide = np.interp(v, np.linspace(0, 1, 12), r) * (1 + 0.11 * lobes * (0.4 + 0.6 * np.abs(2 * v - 0.9)))
        return wide * np.cos(a), wide * np.sin(a), np.interp(v, np.linspace(0, 1, 12), z) + 0.05 * lobes * (v > 0.8)

    pods = rows("-.75,0,0,1.1,6,-4,20 1.1,1.5,0,1.05,-4,6,70 1.5,-.35,.85,.8,93,0,35")  # place, size, turn
    for pod, colours in zip(pods, ("2f7a1c 3f8f26", "c4160e d42a14", "f0a80c f4b820"), strict=True):
        at, size, turn = pod[:3], pod[3], pod[4:]
        skin = material(colours, scale=1.2, rough=0.25, bump=0.06, fine=2.5, **GLOW)
        sheet(lambda a, v, size=size: np.multiply(form(a, v), size), skin, 64, 33, soft=2, at=at, turn=turn)
        stalk, thick = size * rows("0,0,1.65 0,0,1.95 .08,0,2.2 .25,0,2.4"), size * rows(".2,.12,.1,.14")[0]
        tube(stalk, thick, "4f7f26 6f9a3a", at=at, turn=turn)
    camera((0.2, -7.6, 2.9), (0.25, 0, 1.0), 50, 0.7)


def hourglass():
    room("70807a")
    wood = material("5a2c14 8a4c24", scale=2, stretch=(3, 3, 0.3), rough=0.25)
    for z in (0.0, 3.5):
        lathe("0,0 1,0 1.15,.04 1.15,.2 1,.26 0,.26", wood, at=(0, 0, z))
    for x, y in arc(0.95, 0.4, 0.4 + 2 * pi, 3):
        lathe(".1,0 .07,.3 .1,.9 .13,1.65 .1,2.4 .07,3 .1,3.3", wood, at=(x, y, 0.2))
    glass = material("ffffff", rough=0.0, Transmission_Weight=1.0, IOR=1.45)
    bulb = rows(".3,.27 .62,.35 .76,.75 .62,1.3 .2,1.75 .07,1.88 .2,2 .62,2.45 .76,3 .62,3.4 .3,3.49")
    lathe(bulb, glass)
    lathe(np.maximum(bulb - (0.04, 0), (0.03, 0))[::-1], glass)
    lathe(".25,.32 .56,.4 .69,.72 .62,.8 .3,1.05 0,1.25", "d89a50 .9")
    lathe(".05,1.9 .16,2.02 .57,2.45 .64,2.62 .3,2.55 0,2.45", "d89a50 .9")
    tube("0,0,1.2 0,0,1.95", 0.018, "d89a50 .9")
    camera((0.8, -7.6, 2.6), (0, 0, 1.8), 50, 0.6, (480, 640))


def teddy_bear():
    room("c7b8a0")
    hair, pale = material("a8743c c99655", scale=3, rough=0.7), material("d8b98a e6cda4", scale=3, rough=0.7)
    furry("0,0,1.15,.95,.8,1.1 0,-.1,2.75,.86,.78,.78", "8a5a2a .9", hair, 26000, 0.17, 0.006)
    limbs = both(".68,0,3.42,.32,.18,.32 1.05,-.3,1.5,.36,.42,.78 .75,-.95,.42,.42,.85,.42")
    furry(limbs, "8a5a2a .9", hair, 26000, 0.17, 0.006)
    furry(both(".78,-1.76,.42,.28,.06,.28 .68,-.16,3.42,.18,.06,.18"), pale, pale, 100000, 0.09, 0.005)
    furry("0,-.78,2.55,.4,.32,.32", pale, pale, 50000, 0.09, 0.005)
    balls("0,-1.13,2.68,.15,.09,.11 .3,-.86,2.95,.1,.1,.1 -.3,-.86,2.95,.1,.1,.1", "120d0a .08")
    balls("0,-.86,1.98,.12,.12,.12", "b01c24 .35")
    for s in SIDES:
        tube(rows("0,-1.18,2.56 0,-1.2,2.45 .1,-1.19,2.38 .2,-1.14,2.42") * (s, 1, 1), 0.018, "120d0a .08")
        balls([(0.32 * s, -0.8, 1.98, 0.32, 0.12, 0.2)], "b01c24 .35", turn=(0, 18 * s, 0))
    camera((1.3, -8.2, 2.7), (0, -0.2, 1.75), 52, 0.5, (480, 640))


def mushroom():
    moss, blades = material("3d4f1c 6a5a2c", scale=1.5, rough=1, bump=0.5), "4f7f22 8aa53c .6"
    wavy = lambda x, y: 0.12 * wobble(x + 40, y + 10, scale=0.8)  # noqa: E731
    field(moss, blades, (-40, 40), (-10, 70), wavy, (-7, 7, -4.5, 9), 26000, 0.85)
    trees(range(-24, 26, 6), (18, 30), (12, 18))
    foliage([(x, 16 + x % 4, z) for x in range(-20, 22, 3) for z in (1, 5)], 3.2, 22000, 0.35, "2f5a1c 6f9a34 .7")
    cap = material("8a4a1e b87436", scale=1.3, rough=0.4, bump=0.15, fine=5)
    stem = material("efe6d0 cdb98f", scale=2, stretch=(4, 4, 0.5), rough=0.8, bump=0.3)
    for x, y, size, lean in rows("0,0,1,4 1.55,.7,.68,-8 -1.5,.9,.5,6"):
        how = dict(size=size, at=(x, y, 0), turn=(lean, lean, 30))
        lathe("0,2.75 .5,2.7 1.05,2.42 1.4,1.95 1.42,1.78 1.36,1.74", cap, **how)
        lathe("1.38,1.75 .9,1.85 .4,1.8", "d8c9a4 b79f70 .8", **how)
        lathe(".42,1.95 .36,1.5 .4,.8 .55,.2 .5,-.3", stem, **how)
    daylight((-5, -4, 5.5), 4.5, "d5dfd0", "7fa0b8", shine=0.8)
    camera((0.4, -8, 1.3), (0.1, 0, 1.35), 50, 0.3)


def ladybug():
    green, black = material("2a641a 41822a", scale=1.2, rough=0.4, bump=0.3), "0a0a0a .2"

    def leaf(u, v):  # u: across, from the rib
        veins = 0.02 * np.cos(60 * v - 25 * np.abs(u)) - 0.05 * np.exp(-((u / 0.012) ** 2))
        return 10 * v, u * 5.9 * np.sin(pi * v**0.8) ** 0.8, 0.6 * np.abs(u) - 0.6 * (v - 0.4) ** 2 + veins

    sheet(leaf, green, 100, 160, u=(-0.5, 0.5), at=(-5.1, -0.5, -0.2), turn=(9, -2, 8))
    back = lambda a, b: (np.cos(b) * np.cos(a), 0.8 * np.cos(b) * np.sin(a), 0.72 * np.sin(b))  # noqa: E731
    sheet(back, material("c8170c d42410", rough=0.1, Coat_Weight=0.8), v=(0, pi / 2))
    balls("0,0,0,.95,.75,.15 .9,0,.1,.36,.5,.34 1.18,0,.05,.22,.3,.22", black)
    balls(both("1.02,.32,.26,.14,.12,.12", axis=1), "f2efe2 .3")
    tube("-1,0,0 -.6,0,.585 0,0,.725 .7,0,.52", 0.012, black)
    for s in SIDES:
        tube(rows("1.3,.12,.1 1.5,.25,.2 1.65,.32,.12") * (1, s, 1), 0.025, black)
        for x in (-0.45, 0.1, 0.6):
            tube([(x, 0.6 * s, 0), (x * 1.1, 0.95 * s, 0.08), (x * 1.25, 1.15 * s, -0.3)], 0.05, black)
        for x, y, r in rows(".55,.44,.19 .05,.48,.22 -.55,.4,.18 .2,.18,.15 -.4,.14,.17") * (1, s, 1):
            z = 0.72 * max(0.0, 1 - x * x - (y / 0.8) ** 2) ** 0.5
            turn = Vector((x, y / 0.64, z / 0.52)).to_track_quat("Z", "Y").to_euler()
            balls([(x, y, z, r, r, 0.014)], black, turn=np.degrees(turn))
    foliage([(x, 12, z) for x in range(-16, 18, 5) for z in (-6, 0, 6)], 5, 5000, 1.3, "3f7a20 8ab648 .6")
    daylight((-4.3, -4.3, 7.8), 4, "5a7a3a", "a8c4d8", shine=0.8)
    camera((2.5, -6.2, 2.6), (0.2, 0, 0.13), 55, 0.35)


def lighthouse():
    white, red, dark = material("e9e6df d8d3c8", rough=0.7, bump=0.1, fine=6), "a5231c 8f1a16 .6", "15181c .4"
    for i in range(7):
        lathe([(2.2 - 0.14 * i, 2 * i), (2.06 - 0.14 * i, 2 * i + 2)], (white, red)[i % 2], soft=0)
    lathe("1.25,14 1.9,14.4 1.9,14.6 0,14.6 .95,14.6 .95,15.1", white, soft=0)
    lathe(".92,15.1 .92,16.7", "20303a .05", soft=0)
    lathe("1.15,16.65 1.15,16.75 .95,17.2 .5,17.65 .12,17.8 .12,18.1 0,18.15", red)
    for radius, low, top, count in ((1.8, 14.6, 15.6, 20), (0.95, 15, 16.7, 9), (0, 18, 19.3, 1)):
        for x, y in arc(radius, parts=count):
            tube([(x, y, low), (x, y, top)], 0.04, dark)
        lathe([(radius, top - 0.1), (radius + 0.04, top - 0.05), (radius, top)], dark, soft=0)
    boxes([(0.35, -2.2 + 0.07 * z, z, 0.5, 0.3, 0.9) for z in (3, 7, 11)], dark, turn=(0, 0, 10))
    angle, far, size = rng.uniform(0, 7, 70), rng.uniform(3, 11, 70), rng.uniform(0.4, 1.5, 70)
    rocks = np.stack([far * np.cos(angle), far * np.sin(angle) - 1, -0.06 * far, size, size, size * 0.6], -1)
    balls(rocks, material("5f564c 8a8175", scale=1.5, rough=0.9, bump=0.6), 0.18)
    hill = lambda x, y: 0.1 + 0.5 * wobble(x, y, scale=0.2) - 0.012 * (x**2 + y**2)  # noqa: E731
    field("4c5a2a 6b6a3a .9", "5c7a2c 8a8a44", (-30, 30), (-22, 22), hill, (-12, 12, -12, 6), 60000, 0.5)
    boxes("5.2,2.5,1.1,4.5,3.4,2.6", white)
    slab("-2,0 2,0 0,1.6", 4.9, red, at=(5.2, 2.5, 2.4), turn=(0, 0, 90))
    boxes("4,.78,1.3,.6,.1,.9 5.4,.78,1.3,.6,.1,.9 6.6,.78,1.3,.6,.1,.9", dark)
    sea = material("1d4a66 2a6078", scale=0.1, rough=0.15, bump=0.5, fine=0.8, stretch=(1, 2, 1))
    boxes("0,1000,-7,3000,3000,2", sea)
    daylight((-6.8, -3.9, 6.2), clouds=0.45, drift=1)
    camera((-7, -26, 1.6), (0.8, 0, 8.4), 38, None, (480, 640))


def barn():
    boards = material("8f2018 6f1812", scale=1.0, stretch=(5, 5, 0.3), rough=0.8, bump=0.4, fine=3)
    roof = material("4a4a4c 636366", scale=1.5, stretch=(1, 1, 4), rough=0.8, bump=0.4)
    metal = material("aab0b4 8a9094", scale=0.8, stretch=(1, 1, 5), rough=0.35, Metallic=0.7)
    white, dark = "e8e4da .7", "14100e .9"
    slab("-4.5,0 4.5,0 4.5,4.2 3.2,6.6 0,8.2 -3.2,6.6 -4.5,4.2", 13, boards, at=(0, 6.5, 0))
    for s in SIDES:
        for a, b, c, d in rows("4.9,3.75,3.3,6.72 3.3,6.72,0,8.38"):
            slab([(s * a, b), (s * c, d), (s * c, d + 0.22), (s * a, b + 0.22)][::s], 13.9, roof, at=(0, 6.5, 0))
            tube([(s * a, -0.42, b + 0.08), (s * c, -0.42, d + 0.08)], 0.14, white)
        boxes(both("1.1,-.15,1.6,.16,.08,3.7"), white, turn=(0, 31.5 * s, 0))
    boxes(both("1.1,-.08,1.6,2.1,.1,3.2"), boards)
    boxes(both("4.45,-.1,2.1,.25,.16,4.2 3.3,-.05,2.4,.9,.1,1.1"), white)
    boxes(both(".1,-.15,1.6,.18,.08,3.3 2.1,-.15,1.6,.18,.08,3.3"), white)
    boxes("0,-.17,.05,4.5,.08,.2 0,-.17,3.2,4.5,.08,.2 0,-.05,5.6,1.6,.1,1.8", white)
    boxes("0,-.1,5.6,1.3,.1,1.5 -3.3,-.1,2.4,.7,.1,.9 3.3,-.1,2.4,.7,.1,.9", dark)
    for size, code in ((1.1, white), (0.9, dark)):
        boxes([(0, y, 2.4, 9.24 - 0.1 * size, size, size) for y in range(2, 13, 3)], code)
    lathe("1.7,0 1.7,10 1.5,10.8 .8,11.5 0,11.7", metal, soft=0, at=(-7.2, 7, 0))
    lawn, blades = material("5f7f2c 8a9440", scale=0.3, rough=1), material("6c8f30 a3a050", scale=0.5, rough=0.8)
    rise = lambda x, y: 0.25 * wobble(x, y, scale=0.12) + 0.0004 * np.maximum(0, y - 20) ** 2 - 0.1  # noqa: E731
    field(lawn, blades, (-150, 150), (-40, 160), rise, (-18, 22, -26, 4), 110000, 0.5)
    boxes([(x, -3, 0.6, 0.16, 0.16, 1.4) for x in range(-16, -3, 2)], white)
    boxes("-10,-3.08,.55,12.2,.06,.18 -10,-3.08,1.05,12.2,.06,.18", white)
    trees(range(-50, 52, 5), (28, 45), (8, 12))
    daylight((-3.8, -6.6, 6.4), clouds=0.45, drift=5)
    camera((10.5, -21, 2.0), (-0.4, 2, 3.9), 33)


def school_bus():
    yellow, black, grey = material("f2a900 e89c00", rough=0.25, Coat_Weight=0.4), "0c0c0d .4", "b9bbbd .3"
    boxes("-.7,0,1.85,7.6,2.44,2.5 3.85,0,1.25,1.9,1.9,1.1", yellow, bevel=0.22)
    boxes("-.7,0,.85,7.5,2.4,.7", yellow)
    windows = -3.95 + 0.76 * np.arange(9)
    boxes([(3.08, 0, 2.2, 0.1, 2.1, 0.85), *((x, 0, 2.25, 0.64, 2.48, 0.72) for x in windows)], "10161b .04")
    boxes([(x, 0, 2.25, 0.66, 2.51, 0.03) for x in windows], black, bevel=0)
    boxes("-.75,0,.78,7.3,2.51,.07 -.75,0,1.3,7.3,2.51,.07 -.75,0,1.68,7.3,2.51,.07", black)
    boxes("3.1,0,2.2,.1,.06,.85 4.8,0,1.2,.08,1,.6 4.9,0,.62,.22,2.4,.3", black)
    boxes([(4.85, 0, z, 0.04, 0.95, 0.03) for z in np.linspace(0.98, 1.42, 6)], grey, bevel=0.005)
    boxes(both("4,1.35,1.85,.06,.24,.36", axis=1), black)
    balls(both("4.8,.7,1.25,.08,.16,.16", axis=1), "f6f6ee .1")
    balls(both("3.1,1,2.85,.05,.1,.1", axis=1), "c01810 .15")
    for s in SIDES:
        tube(rows("3.2,1.1,2.3 3.9,1.35,2.2 4,1.35,1.7") * (1, s, 1), 0.025, black)
        for x, y, wide, code in ((-2.9, 1.21, 0.06, black), (3.75, 0.95, 0.5, yellow)):
            wheel = dict(at=(x, s * 1.15, 0.52), turn=(-90 * s, 0, 0))
            lathe("0,.02 .3,.02 .34,.1 .5,.14 .52,0 .52,-.2 .4,-.24 0,-.24", "131313 .8", **wheel)
            lathe("0,.08 .12,.1 .2,.05 .27,.08 .3,.12", grey, **wheel)
            slab(arc(0.72, 0, pi), wide, code, bevel=0.03, at=(x, s * y, 0.5))
            slab(arc(0.6, 0, pi), wide + 0.02, black, at=(x, s * y, 0.5))
    for at, turn, size in (((3.12, 0, 2.78), 90, 0.2), ((-0.8, -1.23, 2.7), 0, 0.3)):
        words = bpy.data.curves.new("words", "FONT")
        words.body, words.size, words.align_x, words.extrude = "SCHOOL BUS", size, "CENTER", 0.01
        placed(words, black, at, (90, 0, turn))
    boxes("0,-2.5,-.1,200,11,.2", material("3a3b3d 4c4c4c", scale=3, rough=0.9, bump=0.2, fine=40))
    boxes("0,3.2,.06,200,.3,.14", "9b978e .9")
    boxes([(x, -2.8, 0.005, 2, 0.14, 0.012) for x in range(-30, 30, 4)], "e8e4d8 .8", bevel=0)
    lawn = material("4c7026 6d8a38", scale=0.6, rough=1)
    field(lawn, lawn, (-200, 200), (3.3, 300), lambda x, y: 0 * x, (-16, 14, 3.4, 14), 60000, 0.3)
    trees(range(-40, 34, 6), (12, 22), (7, 11))
    daylight((3.7, -6.4, 6.7), 4.5, clouds=0.4, drift=3)
    camera((9.6, -11.0, 1.9), (0.3, 0, 1.55), 47, None, (720, 480))


# ---------- rendering ----------
SCENES = (teapot, orange, bell_pepper, hourglass, teddy_bear, mushroom, ladybug, lighthouse, barn, school_bus)


def render(build, file):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rng.bit_generator.state = START  # a scene is the same alone as among the others
    build()
    scene = bpy.context.scene
    scene.render.engine, scene.render.threads_mode, scene.render.threads = "CYCLES", "FIXED", 2
    scene.cycles.samples, scene.cycles.use_denoising = int(os.environ.get("SAMPLES", "64")), True
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Medium High Contrast"
    with TemporaryDirectory() as folder:
        scene.render.filepath = f"{folder}/picture.png"
        bpy.ops.render.render(write_still=True)
        Image.open(scene.render.filepath).convert("RGB").save(file, quality=90, optimize=True, progressive=True)


if __name__ == "__main__":
    by_name = {scene.__name__.replace("_", "-"): scene for scene in SCENES}
    for name in sys.argv[1:] or by_name:
        began = time.monotonic()
        render(by_name[name], Path(__file__).with_name(f"{name}.jpg"))
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
