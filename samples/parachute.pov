// A round red, white and blue parachute with a person hanging under it, blue sky, fair-weather clouds. Attention Lab's own scene.
// Render: povray parachute.pov +Oparachute.png +W640 +H480 +A0.15 +R3 -D   (or ./render.sh for all four, as JPEG)
#version 3.7;
global_settings { assumed_gamma 1.0 max_trace_level 5 }
#include "colors.inc"
#include "functions.inc"

// ---------- camera, sun, sky (metres) ----------
camera { location <0, -9, -27> right x*image_width/image_height up y look_at <0, -0.45, 0> angle 33 }
light_source { <-700, 800, -620> rgb <1.0, 0.96, 0.88>*1.75 }
light_source { <500, -700, -600> rgb <0.62, 0.74, 0.95>*0.34 shadowless }
light_source { <0, 900, -100> rgb <0.5, 0.68, 1.0>*0.18 shadowless }

#declare Clear = pigment { gradient y color_map { [0.00 rgb <0.50, 0.70, 0.91>] [0.25 rgb <0.22, 0.46, 0.82>] [0.60 rgb <0.10, 0.30, 0.70>] [1 rgb <0.05, 0.18, 0.52>] } }
sky_sphere { pigment { Clear } }
// cloud density: fractal noise under a low-frequency mask; shaded by comparing with the density a step towards the sun
#declare Q = function(x, y, z) { 0.55*f_noise3d(x, y, z) + 0.25*f_noise3d(2.1*x, 2.1*y, 7) + 0.125*f_noise3d(4.3*x, 4.3*y, 3) + 0.07*f_noise3d(8.7*x, 8.7*y, 11) + 0.04*f_noise3d(17.9*x, 17.9*y, 5) + 0.02*f_noise3d(36*x, 36*y, 9) }
#declare Dens = function(x, y, z) { Q(x + 2.3, y*1.5 + 1.9, 0) - 0.595 + 0.045*cos(y*1.1) + 0.14*min(1, max(0, (-y - 0.35)/1.4)) }
#declare Lit = function(x, y, z) { min(1, max(0, 0.55 + 2.8*(Dens(x, y, z) - Dens(x - 0.17, y + 0.20, z)) - 0.55*max(0, Dens(x, y, z)))) }
#declare CloudLit = pigment { function { Lit(x, y, z) } color_map { [0 rgbt <0.50, 0.58, 0.70, 0>] [0.45 rgb <0.80, 0.85, 0.91>] [0.8 rgb <1.0, 0.99, 0.97>] [1 rgb <1.05, 1.04, 1.01>] } }
#declare Cloud = pigment { function { min(1, max(0, Dens(x, y, z)*6 + 0.12)) } pigment_map { [0 rgbt 1] [0.18 rgbt <0.95, 0.97, 1, 0.78>] [0.75 CloudLit] [1 CloudLit] } }
plane { -z, -400 hollow no_shadow pigment { Cloud scale 62 translate <0, 160, 0> } finish { ambient 0 diffuse 0 emission 0.95 } }

// ---------- canopy: gores that bulge between their seams ----------
#declare Gores = 20; #declare Rad = 4.6; #declare NV = 22; #declare NS = 8;
#declare Red = rgb <0.78, 0.045, 0.035>; #declare Cream = rgb <0.90, 0.88, 0.83>; #declare Navy = rgb <0.035, 0.10, 0.42>;
#macro Pt(A, T)      // A: angle, T: 0 apex vent .. 1 hem
  #local F = abs(sin(A*Gores/2));
  #local M = 0.055 + T*(0.5*pi*1.05 - 0.055);
  #local Rr = Rad*sin(M)*(1 + 0.055*T*(pow(F, 0.7) - 0.5))*(1 - 0.045*pow(T, 8));
  #local Y = Rad*0.74*cos(M) + 0.10*T*pow(F, 0.7) + 0.22*pow(T, 6)*F;
  <Rr*cos(A), Y, Rr*sin(A)>
#end
#macro Cloth(C) texture { pigment { C }
  normal { wrinkles 0.16 scale <0.7, 0.25, 0.7> }
  finish { ambient 0.02 diffuse albedo 0.62, 0.40 specular 0.06 roughness 0.05 } } #end
#declare Dye = array[3];
#declare Dye[0] = Cloth(Red)
#declare Dye[1] = Cloth(Cream)
#declare Dye[2] = Cloth(Navy)
#declare Canopy = union {
  sphere { 0, 1 scale <0.27, 0.03, 0.27> translate y*Rad*0.738 texture { Dye[1] } }        // cap over the vent
  #for (K, 0, Gores - 1)
    mesh {
      #for (I, 0, NS - 1) #for (J, 0, NV - 1)
        #local A0 = 2*pi*(K + I/NS)/Gores; #local A1 = 2*pi*(K + (I + 1)/NS)/Gores; #local T0 = J/NV; #local T1 = (J + 1)/NV; #local E = 0.003;
        #local P0 = Pt(A0, T0); #local P1 = Pt(A1, T0); #local P2 = Pt(A1, T1); #local P3 = Pt(A0, T1);
        #macro Nm(A, T) vnormalize(vcross(Pt(A, T + E) - Pt(A, T - E), Pt(min(A + E, 2*pi*(K + 0.9999)/Gores), T) - Pt(max(A - E, 2*pi*(K + 0.0001)/Gores), T))) #end
        #local N0 = Nm(A0, T0); #local N1 = Nm(A1, T0); #local N2 = Nm(A1, T1); #local N3 = Nm(A0, T1);
        smooth_triangle { P0, N0, P1, N1, P2, N2 } smooth_triangle { P0, N0, P2, N2, P3, N3 }
      #end #end
      #switch (mod(K, 4)) #case (0) #case (2) texture { Dye[0] } #break #case (1) texture { Dye[1] } #break #else texture { Dye[2] } #end
    }
    #for (J, 0, NV - 1)       // seam tape
      cylinder { Pt(2*pi*K/Gores, J/NV), Pt(2*pi*K/Gores, (J + 1)/NV), 0.017 pigment { rgb 0.75 } finish { diffuse 0.6 } }
    #end
    #for (I, 0, NS - 1)       // hem
      cylinder { Pt(2*pi*(K + I/NS)/Gores, 1), Pt(2*pi*(K + (I + 1)/NS)/Gores, 1), 0.022 pigment { rgb <0.85, 0.83, 0.78> } finish { diffuse 0.6 } }
    #end
    #local Side = (cos(2*pi*(K + 0.01)/Gores) > 0 ? 1 : -1);
    cylinder { Pt(2*pi*K/Gores, 1), <0.36*Side, -4.98, 0.05*sin(2*pi*K/Gores)>, 0.012 pigment { rgb 0.50 } finish { diffuse 0.7 } }
  #end
}

// ---------- the person ----------
#declare Suit = texture { pigment { rgb <0.05, 0.07, 0.11> } finish { ambient 0.02 diffuse 0.75 specular 0.08 } }
#declare Strap = texture { pigment { rgb <0.55, 0.10, 0.05> } finish { ambient 0.02 diffuse 0.7 } }
#declare Skin = texture { pigment { rgb <0.72, 0.46, 0.34> } finish { ambient 0.02 diffuse 0.75 } }
#declare Boots = texture { pigment { rgb 0.03 } finish { ambient 0.01 diffuse 0.7 specular 0.3 } }
#macro Limb(A, Ra, B, Rb, Tx) cone { A, Ra, B, Rb texture { Tx } } sphere { A, Ra texture { Tx } } sphere { B, Rb texture { Tx } } #end
#declare Person = union {                       // hips at the origin, facing -z, about 1.8 m
  Limb(<0, 0.05, 0>, 0.17, <0, 0.46, 0.01>, 0.20, Suit)
  Limb(<-0.13, 0.50, 0>, 0.10, <0.13, 0.50, 0>, 0.10, Suit)
  sphere { 0, 1 scale <0.125, 0.155, 0.14> translate <0, 0.80, 0> texture { pigment { rgb <0.93, 0.93, 0.90> } finish { ambient 0.02 diffuse 0.75 specular 0.5 roughness 0.02 } } }
  sphere { 0, 1 scale <0.092, 0.115, 0.09> translate <0, 0.755, -0.065> texture { Skin } }
  box { <-0.095, 0.775, -0.165>, <0.095, 0.825, -0.06> texture { Boots } }                     // goggles
  Limb(<-0.20, 0.50, 0>, 0.075, <-0.37, 0.72, -0.08>, 0.058, Suit) Limb(<-0.37, 0.72, -0.08>, 0.058, <-0.30, 0.99, -0.05>, 0.045, Suit) sphere { <-0.29, 1.05, -0.05>, 0.055 texture { Skin } }
  Limb(<0.20, 0.50, 0>, 0.075, <0.38, 0.71, -0.08>, 0.058, Suit) Limb(<0.38, 0.71, -0.08>, 0.058, <0.30, 0.98, -0.05>, 0.045, Suit) sphere { <0.29, 1.04, -0.05>, 0.055 texture { Skin } }
  Limb(<-0.10, 0.0, 0>, 0.115, <-0.17, -0.42, -0.16>, 0.085, Suit) Limb(<-0.17, -0.42, -0.16>, 0.08, <-0.16, -0.83, -0.05>, 0.055, Suit) Limb(<-0.16, -0.86, -0.05>, 0.065, <-0.18, -0.93, -0.21>, 0.05, Boots)
  Limb(<0.10, 0.0, 0>, 0.115, <0.19, -0.43, -0.10>, 0.085, Suit) Limb(<0.19, -0.43, -0.10>, 0.08, <0.17, -0.84, 0.02>, 0.055, Suit) Limb(<0.17, -0.87, 0.02>, 0.065, <0.19, -0.95, -0.14>, 0.05, Boots)
  box { <-0.18, 0.05, 0.12>, <0.18, 0.55, 0.32> texture { Strap } }                            // container
  torus { 0.185, 0.025 scale <1, 1.6, 1> translate <0, 0.06, 0> texture { Strap } }
  cylinder { <-0.12, 0.56, -0.10>, <-0.08, 0.02, -0.19>, 0.03 texture { Strap } } cylinder { <0.12, 0.56, -0.10>, <0.08, 0.02, -0.19>, 0.03 texture { Strap } }
  cylinder { <-0.12, 0.56, -0.05>, <-0.26, 1.30, 0>, 0.022 texture { Strap } } cylinder { <0.12, 0.56, -0.05>, <0.26, 1.30, 0>, 0.022 texture { Strap } }
  scale 1.42
}
union {
  object { Canopy }
  object { Person rotate y*-14 translate <0, -6.85, 0> }
  translate y*1.9 rotate <4, 9, -5>
}
