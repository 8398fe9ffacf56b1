// A white wooden village church with a steeple and a cross, lawn, trees, summer sky. Attention Lab's own scene.
// Render: povray church.pov +Ochurch.png +W640 +H480 +A0.25 +R2 -D   (or ./render.sh for all four, as JPEG)
#version 3.7;
global_settings { assumed_gamma 1.0 max_trace_level 5 }
#include "colors.inc"
#include "functions.inc"

// ---------- camera, sun, sky (metres) ----------
camera { location <-18, 1.75, -30> right x*image_width/image_height up y look_at <-0.6, 10.9, 2> angle 55 }
light_source { <-520, 800, -1000> rgb <1.0, 0.94, 0.82>*1.75 }
light_source { <-300, 900, -400> rgb <0.55, 0.70, 1.0>*0.20 shadowless }
light_source { <700, 500, -900> rgb <0.58, 0.72, 1.0>*0.17 shadowless }
light_source { <-100, -500, -300> rgb <0.50, 0.56, 0.30>*0.13 shadowless }
sky_sphere { pigment { gradient y color_map { [0.00 rgb <0.72, 0.83, 0.93>] [0.25 rgb <0.36, 0.58, 0.87>] [0.60 rgb <0.13, 0.34, 0.73>] [1 rgb <0.06, 0.2, 0.55>] } } }
#declare Q = function(x, y, z) { 0.55*f_noise3d(x, y, z) + 0.25*f_noise3d(2.1*x, 2.1*y, 7) + 0.125*f_noise3d(4.3*x, 4.3*y, 3) + 0.07*f_noise3d(8.7*x, 8.7*y, 11) + 0.04*f_noise3d(17.9*x, 17.9*y, 5) }
#declare Dens = function(x, y, z) { Q(x + 4.1, y*1.6 + 6.4, 0) - 0.575 }
#declare Lit = function(x, y, z) { min(1, max(0, 0.6 + 2.8*(Dens(x, y, z) - Dens(x - 0.17, y + 0.20, z)) - 0.5*max(0, Dens(x, y, z)))) }
#declare CloudLit = pigment { function { Lit(x, y, z) } color_map { [0 rgb <0.60, 0.67, 0.77>] [0.45 rgb <0.83, 0.87, 0.92>] [0.8 rgb <1.0, 0.99, 0.97>] } }
plane { -z, -1500 hollow no_shadow
  pigment { function { min(1, max(0, Dens(x, y, z)*5 + 0.12)) } pigment_map { [0 rgbt 1] [0.2 rgbt <0.95, 0.97, 1, 0.75>] [0.8 CloudLit] [1 CloudLit] } scale <330, 260, 300> }
  finish { ambient 0 diffuse 0 emission 0.93 } rotate y*25 }

// ---------- materials ----------
#declare Board = texture {
  pigment { gradient y color_map { [0 rgb <0.42, 0.42, 0.41>] [0.10 rgb <0.83, 0.83, 0.80>] [1 rgb <0.90, 0.90, 0.87>] } scale 0.17 }
  normal { gradient y 0.35 ramp_wave scale 0.17 } finish { ambient 0 diffuse 0.72 } }
#declare Trim = texture { pigment { rgb <0.92, 0.92, 0.89> } finish { ambient 0 diffuse 0.74 } }
#declare Slate = texture {
  pigment { brick pigment { rgb <0.035, 0.037, 0.042> }, pigment { cells color_map { [0 rgb <0.10, 0.105, 0.12>] [0.5 rgb <0.15, 0.15, 0.165>] [1 rgb <0.20, 0.195, 0.20>] } scale <0.36, 0.25, 0.3> } brick_size <0.36, 0.25, 0.3> mortar 0.022 }
  finish { ambient 0 diffuse 0.8 specular 0.12 roughness 0.1 } }
#declare Stone = texture {
  pigment { brick pigment { rgb <0.30, 0.28, 0.25> }, pigment { cells color_map { [0 rgb <0.25, 0.235, 0.21>] [1 rgb <0.46, 0.43, 0.38>] } scale <0.6, 0.3, 0.6> } brick_size <0.6, 0.3, 0.6> mortar 0.03 }
  normal { granite 0.3 scale 0.4 } finish { ambient 0 diffuse 0.75 } }
#declare Glass = texture { pigment { rgb <0.015, 0.02, 0.03> } normal { bumps 0.03 scale 0.5 } finish { ambient 0 diffuse 0.5 specular 0.6 roughness 0.005 reflection { 0.12, 0.6 } } }
#declare Wood = texture { pigment { gradient x color_map { [0 rgb <0.05, 0.012, 0.008>] [0.07 rgb <0.36, 0.055, 0.035>] [1 rgb <0.42, 0.07, 0.04>] } scale 0.17 } finish { ambient 0 diffuse 0.75 specular 0.15 } }
#declare Gold = texture { pigment { rgb <0.80, 0.56, 0.18> } finish { ambient 0.05 diffuse 0.6 specular 0.8 roughness 0.02 reflection 0.2 } }

// pointed-arch solid: width 2W, straight to height H, from z = -D to D, foot at the origin
#macro Lancet(W, H, D)
  union {
    box { <-W, 0, -D>, <W, H, D> }
    intersection { cylinder { <-0.5*W, H, -D>, <-0.5*W, H, D>, 1.5*W } cylinder { <0.5*W, H, -D>, <0.5*W, H, D>, 1.5*W } box { <-W, H - 0.001, -D>, <W, H + 2*W, D> } }
  }
#end
#macro Window(W, H, Fill)       // looks towards -z
  union {
    difference { object { Lancet(W + 0.17, H, 0.10) translate -y*0.12 } object { Lancet(W, H, 0.4) } texture { Trim } }
    object { Lancet(W, H, 0.012) texture { Fill } }
    #if (W > 0.3)
      box { <-0.028, 0, -0.05>, <0.028, H + 1.25*W, 0.02> texture { Trim } }
      #for (K, 1, 6) #if (K*0.55 < H + 0.4*W) box { <-W, K*0.55 - 0.02, -0.045>, <W, K*0.55 + 0.02, 0.02> texture { Trim } } #end #end
    #end
    box { <-W - 0.26, -0.2, -0.22>, <W + 0.26, -0.08, 0.05> texture { Trim } }
  }
#end
#declare Louvre = texture { pigment { gradient y color_map { [0 rgb 0.03] [0.35 rgb 0.06] [0.4 rgb <0.20, 0.22, 0.21>] [1 rgb <0.34, 0.36, 0.34>] } scale 0.2 } finish { ambient 0 diffuse 0.75 } }

// ---------- the nave ----------
#declare Hw = 4.6; #declare Len = 19; #declare Wall = 5.6; #declare Ridge = 10.6;
union {
  box { <-Hw, 0.6, 0>, <Hw, Wall, Len> texture { Board } }
  prism { linear_sweep 0, Len, 4, <-Hw, Wall>, <Hw, Wall>, <0, Ridge>, <-Hw, Wall> rotate x*-90 scale <1, 1, -1> texture { Board } }
  box { <-Hw - 0.12, 0, -0.12>, <Hw + 0.12, 0.65, Len + 0.12> texture { Stone } }
  #local Pitch = degrees(atan2(Ridge - Wall, Hw)); #local Sl = sqrt(pow(Ridge - Wall, 2) + Hw*Hw);
  #for (Sd, -1, 1, 2)
    box { <0, 0, -0.45>, <Sl + 0.6, 0.16, Len + 0.45> texture { Slate rotate y*90 rotate x*90 } rotate -z*Pitch scale <Sd, 1, 1> translate <0, Ridge + 0.05, 0> }
    box { <0, -0.24, -0.38>, <Sl + 0.5, -0.0, -0.05> texture { Trim } rotate -z*Pitch scale <Sd, 1, 1> translate <0, Ridge + 0.05, 0> }
    box { <Sd*Hw, Wall - 0.35, 0>, <Sd*(Hw + 0.22), Wall, Len> texture { Trim } }
    box { <Sd*(Hw - 0.25), 0.6, -0.05>, <Sd*(Hw + 0.05), Wall, 0.25> texture { Trim } }
  #end
  #for (K, 0, 3) object { Window(0.62, 2.35, Glass) rotate y*90 translate <-Hw, 1.6, 3.0 + K*4.3> } #end
  #for (Sd, -1, 1, 2) object { Window(0.42, 1.9, Glass) translate <Sd*3.3, 1.7, 0> } #end
}
// ---------- tower, belfry, spire, cross ----------
#declare T = 2.15;
union {
  box { <-T, 0.6, -T>, <T, 11.4, T> texture { Board } }
  box { <-T - 0.12, 0, -T - 0.12>, <T + 0.12, 0.65, T + 0.12> texture { Stone } }
  #for (A, 0, 3) union { box { <-T - 0.05, 0.6, -T - 0.05>, <-T + 0.24, 11.4, -T + 0.24> texture { Trim } } rotate y*90*A } #end
  box { <-T - 0.12, 7.55, -T - 0.12>, <T + 0.12, 7.8, T + 0.12> texture { Trim } }
  box { <-T - 0.22, 11.3, -T - 0.22>, <T + 0.22, 11.5, T + 0.22> texture { Trim } }
  box { <-T - 0.40, 11.5, -T - 0.40>, <T + 0.40, 11.72, T + 0.40> texture { Trim } }
  // belfry
  box { <-1.75, 11.7, -1.75>, <1.75, 14.6, 1.75> texture { Board } }
  #for (A, 0, 3) union {
      object { Window(0.55, 1.25, Louvre) translate <0, 12.2, -1.76> }
      box { <-1.82, 11.7, -1.82>, <-1.55, 14.6, -1.55> texture { Trim } } rotate y*90*A } #end
  box { <-1.95, 14.5, -1.95>, <1.95, 14.68, 1.95> texture { Trim } }
  box { <-2.1, 14.68, -2.1>, <2.1, 14.86, 2.1> texture { Trim } }
  #for (X, -1, 1, 2) #for (Z, -1, 1, 2) union { box { <-0.2, 14.8, -0.2>, <0.2, 15.4, 0.2> } cone { <0, 15.4, 0>, 0.22, <0, 16.5, 0>, 0.0 } texture { Trim } translate <X*1.8, 0, Z*1.8> } #end #end
  // eight-sided spire
  #local R = 1.72; #local Top = 22.4;
  mesh {
    #for (K, 0, 7) #local A = (K + 0.5)*pi/4; #local B = (K + 1.5)*pi/4;
      triangle { <R*cos(A), 14.85, R*sin(A)>, <R*cos(B), 14.85, R*sin(B)>, <0, Top, 0> } #end
    texture { Slate }
  }
  sphere { <0, Top - 0.05, 0>, 0.17 texture { Gold } }
  union { box { <-0.075, Top, -0.06>, <0.075, Top + 1.75, 0.06> } box { <-0.52, Top + 1.05, -0.06>, <0.52, Top + 1.2, 0.06> } texture { Gold } }
  // windows, door, steps
  object { Window(0.52, 1.5, Glass) translate <0, 8.4, -T> }
  object { Window(0.52, 1.5, Glass) rotate y*90 translate <-T, 8.4, 0> }
  union {                                       // round window
    torus { 0.62, 0.13 rotate x*90 texture { Trim } } cylinder { <0, 0, -0.03>, <0, 0, 0>, 0.6 texture { Glass } }
    #for (K, 0, 3) box { <-0.6, -0.03, -0.07>, <0.6, 0.03, 0> texture { Trim } rotate z*45*K } #end
    translate <0, 6.1, -T> }
  object { Lancet(1.05, 2.2, 0.03) texture { Wood } translate <0, 0.75, -T - 0.03> }
  difference { object { Lancet(1.38, 2.25, 0.2) } object { Lancet(1.05, 2.2, 1) } texture { Trim } translate <0, 0.75, -T> }
  box { <-0.02, 0.75, -T - 0.09>, <0.02, 4.2, -T> pigment { rgb 0.02 } }
  #for (K, 0, 3) box { <-1.7 - 0.15*K, 0, -T - 0.9 - 0.35*K>, <1.7 + 0.15*K, 0.75 - 0.19*K, -T> texture { Stone } } #end
  translate -z*1.2
}

// ---------- trees and shrubs: leaf triangles gathered in clumps ----------
#declare Leafs = array[4];
#macro LeafTex(C) texture { pigment { rgb C } finish { ambient 0.015 diffuse albedo 0.62, 0.35 specular 0.12 roughness 0.05 } } #end
#declare Leafs[0] = LeafTex(<0.12, 0.24, 0.04>)
#declare Leafs[1] = LeafTex(<0.18, 0.33, 0.06>)
#declare Leafs[2] = LeafTex(<0.25, 0.40, 0.08>)
#declare Leafs[3] = LeafTex(<0.09, 0.19, 0.04>)
#macro Foliage(Seed, Rx, Ry, Clumps, Per, Cr, Ls)
  #local S = seed(Seed);
  mesh {
    #for (C, 1, Clumps)
      #local D = vnormalize(<rand(S) - 0.5, rand(S) - 0.45, rand(S) - 0.5>); #local F = pow(rand(S), 0.35);
      #local At = <D.x*Rx, D.y*Ry, D.z*Rx>*F; #local Rc = Cr*(0.6 + 0.7*rand(S));
      #for (I, 1, Per)
        #local E = vnormalize(<rand(S) - 0.5, rand(S) - 0.5, rand(S) - 0.5>)*Rc*pow(rand(S), 0.45);
        #local P = At + <E.x, E.y*0.75, E.z>;
        #local U = vnormalize(<rand(S) - 0.5, rand(S) - 0.5, rand(S) - 0.5>)*Ls; #local W = vnormalize(<rand(S) - 0.5, rand(S) - 0.5, rand(S) - 0.5>)*Ls*0.8;
        triangle { P, P + U, P + W texture { Leafs[int(rand(S)*3.999)] } }
      #end
    #end
  }
#end
#declare Bark = texture { pigment { granite color_map { [0 rgb <0.06, 0.045, 0.035>] [1 rgb <0.20, 0.16, 0.12>] } scale <0.3, 2, 0.3> } normal { granite 0.5 scale <0.2, 1, 0.2> } finish { ambient 0 diffuse 0.75 } }
#declare Crown = Foliage(5, 3.7, 4.0, 120, 130, 1.05, 0.32)
#declare Tree = union {
  object { Crown translate y*6.2 }
  cone { 0, 0.36, y*6.5, 0.16 texture { Bark } }
  #local S = seed(3);
  #for (K, 0, 8) cone { y*(3.2 + 0.35*K), 0.12, <3.0*cos(K*2.4), 5.8 + 0.3*K, 3.0*sin(K*2.4)>, 0.03 texture { Bark } } #end
}
#declare Shrub = Foliage(8, 0.75, 0.6, 16, 70, 0.35, 0.12)
object { Tree scale 1.15 rotate y*40 translate <10.8, 0, 3> }
object { Tree scale 1.45 rotate y*170 translate <15.5, 0, 16> }
object { Tree scale 1.35 rotate y*250 translate <-13.2, 0, 25> }
object { Tree scale <1.6, 1.3, 1.6> rotate y*95 translate <-4, 0, 34> }
object { Tree scale <1.5, 1.15, 1.5> rotate y*10 translate <-25, 0, 40> }
object { Tree scale <1.5, 1.2, 1.5> rotate y*310 translate <-36, 0, 44> }
object { Tree scale <1.6, 1.1, 1.6> rotate y*200 translate <24, 0, 27> }
object { Tree scale <1.8, 1.0, 1.8> rotate y*130 translate <33, 0, 22> }
#declare S = seed(9);
#for (K, 0, 26) object { Tree scale <1.7, 1.0 + 0.5*rand(S), 1.7> rotate y*360*rand(S) translate <-75 + 8*K, -1.5, 75 - 0.25*K + 12*rand(S)> } #end
#declare S = seed(21);
#for (K, 0, 8) object { Shrub scale 0.8 + 0.4*rand(S) rotate y*360*rand(S) translate <-Hw - 0.75, 0.45, 1.3 + 2.05*K> } #end
#for (K, 0, 1) object { Shrub scale 0.95 rotate y*360*rand(S) translate <-3.0 - 1.2*K, 0.45, -0.9> } object { Shrub scale 0.95 rotate y*360*rand(S) translate <3.0 + 1.2*K, 0.45, -0.9> } #end
#for (K, 0, 34) object { Shrub scale <2.2, 2.0, 2.2> rotate y*360*rand(S) translate <-60 + 5*K, 0.7, 50 - 0.2*K> } #end

// ---------- lawn and path ----------
#declare LawnA = pigment { granite turbulence 0.3 color_map { [0 rgb <0.055, 0.12, 0.02>] [0.5 rgb <0.115, 0.215, 0.035>] [1 rgb <0.21, 0.31, 0.07>] } scale <0.5, 1, 0.5> }
#declare LawnB = pigment { granite turbulence 0.3 color_map { [0 rgb <0.07, 0.13, 0.025>] [0.5 rgb <0.15, 0.24, 0.05>] [1 rgb <0.27, 0.33, 0.10>] } scale <0.5, 1, 0.5> }
plane { y, 0 texture { pigment { bozo turbulence 0.5 pigment_map { [0.3 LawnA] [0.7 LawnB] } scale 3.5 } normal { granite 0.7 scale 0.3 } finish { ambient 0 diffuse 0.8 } } }
#declare Blade = array[3];
#declare Blade[0] = LeafTex(<0.12, 0.23, 0.035>)
#declare Blade[1] = LeafTex(<0.17, 0.29, 0.05>)
#declare Blade[2] = LeafTex(<0.22, 0.31, 0.09>)
#declare Turf = mesh { #local S2 = seed(4);
  #for (I, 1, 1500) #local P = <2*rand(S2), 0, 2*rand(S2)>; #local A = 2*pi*rand(S2); #local L = 0.03 + 0.05*rand(S2);
    triangle { P - 0.006*<cos(A), 0, sin(A)>, P + 0.006*<cos(A), 0, sin(A)>, P + <0.7*L*(rand(S2) - 0.5)*2, L, 0.7*L*(rand(S2) - 0.5)*2> texture { Blade[int(rand(S2)*2.999)] } } #end }
#for (X, -15, 4) #for (Z, -12, -2) #if (abs(X*2 + 1) > 2.2) object { Turf rotate y*0 translate <X*2, 0, Z*2> } #end #end #end
box { <-1.25, -0.1, -60>, <1.25, 0.012, -3> texture { pigment { granite color_map { [0 rgb <0.30, 0.27, 0.22>] [1 rgb <0.58, 0.53, 0.45>] } scale 0.2 } normal { granite 0.4 scale 0.1 } finish { ambient 0 diffuse 0.75 } } }
