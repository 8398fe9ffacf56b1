// A red and white petrol pump (gas pump) with display, hoses and nozzles on the island of a station forecourt. Attention Lab's own scene.
// Render: povray gas-pump.pov +Ogas-pump.png +W640 +H480 +A0.2 +R3 -D   (or ./render.sh for all four, as JPEG)
#version 3.7;
global_settings { assumed_gamma 1.0 max_trace_level 5 }
#include "colors.inc"
#include "functions.inc"
#include "shapes.inc"

// ---------- camera, sun, sky (metres) ----------
camera { location <1.55, 1.50, -3.75> right x*image_width/image_height up y look_at <0.06, 1.15, 0> angle 44 }
light_source { <650, 900, -1000> rgb <1.0, 0.95, 0.85>*1.65 area_light x*14, y*14, 2, 2 adaptive 0 jitter orient circular }
light_source { <-600, 700, -700> rgb <0.58, 0.72, 1.0>*0.20 shadowless }
light_source { <900, 500, 200> rgb <0.58, 0.72, 1.0>*0.16 shadowless }
light_source { <0, -400, -300> rgb <0.60, 0.56, 0.50>*0.12 shadowless }
sky_sphere { pigment { gradient y color_map { [0.00 rgb <0.78, 0.86, 0.93>] [0.25 rgb <0.42, 0.63, 0.88>] [0.60 rgb <0.15, 0.36, 0.75>] [1 rgb <0.06, 0.2, 0.55>] } }
  pigment { wrinkles turbulence 0.4 color_map { [0.45 rgbt <1, 1, 1, 1>] [0.8 rgbt <1, 1, 1, 0.15>] } scale <0.35, 0.12, 0.35> } }

// ---------- materials ----------
#macro Paint(C) texture { pigment { C } finish { ambient 0 diffuse 0.72 specular 0.5 roughness 0.008 reflection { 0.02, 0.16 fresnel on } conserve_energy } } #end
#declare Red = Paint(rgb <0.62, 0.022, 0.02>)
#declare White = Paint(rgb <0.86, 0.86, 0.83>)
#declare Black = texture { pigment { rgb 0.022 } finish { ambient 0 diffuse 0.75 specular 0.35 roughness 0.03 } }
#declare Rubber = texture { pigment { rgb 0.018 } finish { ambient 0 diffuse 0.8 specular 0.45 roughness 0.05 } }
#declare Steel = texture { pigment { rgb <0.62, 0.63, 0.65> } finish { ambient 0 diffuse 0.45 specular 0.7 roughness 0.03 reflection 0.28 metallic } }
#declare Lcd = texture { pigment { rgb <0.42, 0.48, 0.36> } finish { ambient 0 diffuse 0.75 specular 0.2 roughness 0.01 } }
#declare Ink = texture { pigment { rgb 0.015 } finish { ambient 0 diffuse 0.6 } }
#declare Light = texture { pigment { rgb 0.9 } finish { ambient 0 diffuse 0.75 } }
#macro Label(Txt, H, At, Tx)      // centred lettering on a face looking towards -z
  #local Tt = text { ttf "cyrvetic.ttf" Txt 0.02, 0 };
  #local Mi = min_extent(Tt); #local Ma = max_extent(Tt);
  object { Tt translate <-(Mi.x + Ma.x)/2, 0, 0> scale <H, H, 0.3> translate At texture { Tx } }
#end
// seven-segment figures
#declare Segs = array[10] { 119, 36, 93, 109, 46, 107, 123, 37, 127, 111 }   // bits: top, upper left, upper right, middle, lower left, lower right, bottom
#macro Digit(D, H)
  #local Wd = 0.52*H; #local Th = 0.078*H; #local B = Segs[D]; #local Hh = H/2;
  #macro On(K) (mod(int(B/pow(2, K) + 0.0001), 2) = 1) #end
  union {
    #if (On(0)) box { <Th, H - Th, -0.002>, <Wd - Th, H + Th, 0> } #end
    #if (On(1)) box { <-Th, Hh + Th, -0.002>, <Th, H - Th, 0> } #end
    #if (On(2)) box { <Wd - Th, Hh + Th, -0.002>, <Wd + Th, H - Th, 0> } #end
    #if (On(3)) box { <Th, Hh - Th, -0.002>, <Wd - Th, Hh + Th, 0> } #end
    #if (On(4)) box { <-Th, Th, -0.002>, <Th, Hh - Th, 0> } #end
    #if (On(5)) box { <Wd - Th, Th, -0.002>, <Wd + Th, Hh - Th, 0> } #end
    #if (On(6)) box { <Th, -Th, -0.002>, <Wd - Th, Th, 0> } #end
    texture { Ink } matrix <1, 0, 0, 0.1, 1, 0, 0, 0, 1, 0, 0, 0>
  }
#end
#macro Number(Txt, H, Right, Z)   // right-aligned, foot of the figures at Right
  #local Xp = Right.x; #local I = strlen(Txt);
  #while (I > 0)
    #local Ch = substr(Txt, I, 1);
    #if (strcmp(Ch, ".") = 0) #local Xp = Xp - 0.16*H; box { <Xp, Right.y - 0.06*H, Z - 0.002>, <Xp + 0.12*H, Right.y + 0.06*H, Z> texture { Ink } }
    #else #local Xp = Xp - 0.76*H; object { Digit(asc(Ch) - 48, H) translate <Xp, Right.y, Z> } #end
    #local I = I - 1;
  #end
#end

// ---------- hose and nozzle (pump's right side; mirrored for the left) ----------
#macro Tube(Sp, N, Ra, Tx) union { #for (I, 0, N - 1) cylinder { Sp(I/N), Sp((I + 1)/N), Ra } sphere { Sp(I/N), Ra } #end sphere { Sp(1), Ra } texture { Tx } } #end
#declare HoseLine = spline { natural_spline 0, <0.40, 1.80, -0.05> 0.10, <0.60, 1.84, -0.07> 0.22, <0.735, 1.62, -0.09> 0.42, <0.80, 0.98, -0.13> 0.58, <0.79, 0.50, -0.17> 0.68, <0.70, 0.37, -0.19> 0.79, <0.60, 0.50, -0.18> 0.90, <0.565, 0.74, -0.13> 1, <0.56, 0.90, -0.10> }
#declare SpoutLine = spline { natural_spline 0, <-0.005, 0.28, 0> 0.5, <-0.03, 0.36, 0> 1, <-0.12, 0.42, 0> }
#declare GuardLine = spline { natural_spline 0, <0.015, 0.03, 0> 0.25, <0.085, 0.045, 0> 0.6, <0.098, 0.15, 0> 0.85, <0.075, 0.215, 0> 1, <0.02, 0.235, 0> }
#declare Nozzle = union {
  cone { <0, -0.05, 0>, 0.024, <0, 0.0, 0>, 0.030 texture { Steel } }
  cone { <0, 0, 0>, 0.030, <0, 0.16, 0>, 0.034 texture { Black } }
  union { cone { <0, 0.16, 0>, 0.036, <-0.002, 0.27, 0>, 0.047 } sphere { <-0.002, 0.27, 0>, 0.047 } cylinder { <0, 0.235, 0>, <0.055, 0.255, 0>, 0.026 } texture { Red } }
  Tube(SpoutLine, 8, 0.0175, Steel)
  Tube(GuardLine, 14, 0.0085, Black)
  cylinder { <0.035, 0.225, 0>, <0.062, 0.07, 0>, 0.009 texture { Steel } }
  scale 1.28
}
#declare SideGear = union {
  Tube(HoseLine, 70, 0.021, Rubber)
  object { Nozzle translate <0.56, 0.96, -0.10> }
  object { Round_Box_Union(<0.38, 1.36, -0.20>, <0.50, 1.60, 0.0>, 0.02) texture { Black } }             // boot
  object { Round_Box_Union(<0.40, 0.98, -0.17>, <0.525, 1.06, -0.03>, 0.015) texture { Black } }
  cylinder { <0.35, 1.80, -0.05>, <0.47, 1.81, -0.055>, 0.032 texture { Steel } }
}

// ---------- the pump ----------
#declare F = -0.27;               // front face
#declare Pump = union {
  box { <-0.44, 0.15, -0.25>, <0.44, 0.27, 0.25> texture { Black } }
  object { Round_Box_Union(<-0.46, 0.25, -0.27>, <0.46, 1.02, 0.27>, 0.03) texture { Red } }
  object { Round_Box_Union(<-0.46, 1.00, -0.27>, <0.46, 1.88, 0.27>, 0.03) texture { White } }
  box { <-0.462, 0.995, -0.272>, <0.462, 1.025, 0.272> texture { Steel } }
  object { Round_Box_Union(<-0.52, 1.88, -0.31>, <0.52, 2.16, 0.31>, 0.035) texture { Red } }            // sign on top
  Label("GASOLINE", 0.185, <0, 1.955, -0.313>, Light)
  // display
  object { Round_Box_Union(<-0.37, 1.36, F - 0.018>, <0.37, 1.83, F + 0.05>, 0.015) texture { Black } }
  #local Z = F - 0.020;
  box { <-0.33, 1.67, Z>, <0.15, 1.80, Z + 0.01> texture { Lcd } }
  box { <-0.33, 1.52, Z>, <0.15, 1.65, Z + 0.01> texture { Lcd } }
  box { <-0.14, 1.395, Z>, <0.15, 1.495, Z + 0.01> texture { Lcd } }
  Number("42.17", 0.088, <0.135, 1.692, 0>, Z)
  Number("12.846", 0.088, <0.135, 1.542, 0>, Z)
  Number("3.283", 0.062, <0.135, 1.415, 0>, Z)
  Label("SALE $", 0.047, <0.255, 1.718, Z>, Light) Label("GALLONS", 0.038, <0.258, 1.572, Z>, Light) Label("$ / GAL", 0.042, <0.255, 1.43, Z>, Light)
  #local Grade = array[3] { "87", "89", "93" }
  #local Hue = array[3] { <0.85, 0.62, 0.03>, <0.04, 0.22, 0.55>, <0.02, 0.35, 0.12> }
  // grade buttons, card reader
  #for (K, 0, 2)
    object { Round_Box_Union(<-0.365 + 0.165*K, 1.10, F - 0.014>, <-0.215 + 0.165*K, 1.31, F + 0.03>, 0.01) texture { pigment { rgb Hue[K] } finish { ambient 0 diffuse 0.75 specular 0.3 } } }
    Label(Grade[K], 0.105, <-0.29 + 0.165*K, 1.175, F - 0.016>, Light)
  #end
  object { Round_Box_Union(<0.16, 1.09, F - 0.012>, <0.37, 1.32, F + 0.03>, 0.01) texture { Black } }
  box { <0.19, 1.255, F - 0.016>, <0.34, 1.30, F> texture { Lcd } }
  #for (I, 0, 2) #for (J, 0, 3) box { <0.195 + 0.052*I, 1.105 + 0.036*J, F - 0.017>, <0.233 + 0.052*I, 1.13 + 0.036*J, F> texture { Steel } } #end #end
  // lower door
  box { <-0.40, 0.31, F - 0.002>, <0.40, 0.96, F> Paint(rgb <0.52, 0.018, 0.016>) }
  Label("REGULAR", 0.135, <0, 0.74, F - 0.006>, Light)
  Label("UNLEADED", 0.085, <0, 0.615, F - 0.006>, Light)
  box { <-0.30, 0.575, F - 0.005>, <0.30, 0.583, F> texture { Light } }
  cylinder { <0.34, 0.64, F - 0.014>, <0.34, 0.64, F>, 0.018 texture { Steel } }
  #for (K, 0, 4) box { <-0.2, 0.36 + 0.03*K, F - 0.004>, <0.2, 0.372 + 0.03*K, F> texture { Black } } #end
  object { SideGear } object { SideGear scale <-1, 1, 1> }
}
object { Pump }

// ---------- forecourt ----------
#declare Concrete = texture { pigment { granite color_map { [0 rgb <0.33, 0.32, 0.30>] [0.6 rgb <0.50, 0.485, 0.46>] [1 rgb <0.58, 0.565, 0.54>] } scale 0.9 } normal { granite 0.12 scale 0.15 } finish { ambient 0 diffuse 0.75 } }
object { Round_Box_Union(<-3.4, -0.1, -0.62>, <1.9, 0.15, 0.62>, 0.04) texture { Concrete } }
box { <-3.37, 0.03, -0.623>, <1.87, 0.12, 0.5> texture { pigment { granite color_map { [0 rgb <0.55, 0.38, 0.03>] [1 rgb <0.80, 0.58, 0.05>] } scale 0.5 } finish { ambient 0 diffuse 0.75 } } }
plane { y, 0 texture {
  pigment { bozo turbulence 0.6 pigment_map {
    [0.2 granite color_map { [0 rgb 0.13] [1 rgb <0.27, 0.265, 0.26>] } scale 0.12] [0.8 granite color_map { [0 rgb 0.17] [1 rgb <0.34, 0.335, 0.33>] } scale 0.12] } scale 1.6 }
  normal { granite 0.25 scale 0.08 } finish { ambient 0 diffuse 0.75 specular 0.03 } } }
// canopy, store, planting behind
#declare CanWhite = texture { pigment { rgb <0.82, 0.82, 0.80> } finish { ambient 0 emission 0.16 diffuse 0.65 } }
box { <-14, 4.5, 5.5>, <3.2, 5.3, 13> texture { CanWhite } }
box { <-14.02, 4.75, 5.47>, <3.22, 5.05, 13> texture { Red } }
#for (K, 0, 2) box { <-0.17, 0, -0.17>, <0.17, 4.4, 0.17> texture { CanWhite } translate <-0.1 - 5.5*K, 0, 7.6> } #end
#for (K, 0, 1) union { object { Pump } object { Round_Box_Union(<-2, -0.1, -0.62>, <2, 0.15, 0.62>, 0.04) texture { Concrete } } translate <-2.35 - 5.5*K, 0, 7> } #end
union {
  box { <-22, 0, 17>, <-1.5, 3.7, 24> texture { pigment { brick pigment { rgb <0.40, 0.36, 0.31> }, pigment { rgb <0.50, 0.34, 0.25> } brick_size <0.4, 0.14, 0.2> mortar 0.018 } finish { ambient 0.02 diffuse 0.75 } } }
  box { <-22.2, 3.3, 16.6>, <-1.3, 4.0, 24> texture { Red } }
  #for (K, 0, 5) box { <-3.9 - 3.2*K, 0.7, 16.93>, <-2.1 - 3.2*K, 2.9, 17.1> texture { pigment { rgb <0.03, 0.045, 0.06> } finish { ambient 0 diffuse 0.6 specular 0.4 reflection { 0.1, 0.5 } } } }
    box { <-4.0 - 3.2*K, 0.6, 16.95>, <-2.0 - 3.2*K, 3.0, 17.1> texture { CanWhite } } #end
}
#declare S = seed(12);
#declare Leafs = array[3];
#macro LeafTex(C) texture { pigment { rgb C } finish { ambient 0.015 diffuse albedo 0.62, 0.35 } } #end
#declare Leafs[0] = LeafTex(<0.075, 0.16, 0.035>)
#declare Leafs[1] = LeafTex(<0.12, 0.22, 0.05>)
#declare Leafs[2] = LeafTex(<0.17, 0.28, 0.07>)
#declare Clump = mesh { #for (I, 1, 3500)
  #local D = vnormalize(<rand(S) - 0.5, rand(S) - 0.5, rand(S) - 0.5>)*pow(rand(S), 0.3)*(0.8 + 0.2*sin(9*rand(S)));
  #local U = vnormalize(<rand(S) - 0.5, rand(S) - 0.5, rand(S) - 0.5>)*0.10; #local W = vnormalize(<rand(S) - 0.5, rand(S) - 0.5, rand(S) - 0.5>)*0.09;
  triangle { D, D + U, D + W texture { Leafs[int(rand(S)*2.999)] } } #end }
#for (K, 0, 15) object { Clump scale <2.4 + 1.6*rand(S), 2.2 + 2.2*rand(S), 2.4> rotate y*360*rand(S) translate <-6 + 2.6*K, 1.6 + 1.2*rand(S), 33 + 5*rand(S)> } #end
#for (K, 0, 11) object { Clump scale <1.3, 0.55, 0.8> rotate y*360*rand(S) translate <-0.8 + 1.7*K, 0.3, 20> } #end
box { <-60, -0.1, 18.8>, <60, 0.1, 80> pigment { granite color_map { [0 rgb <0.08, 0.15, 0.03>] [1 rgb <0.18, 0.27, 0.07>] } } finish { ambient 0 diffuse 0.75 } }
