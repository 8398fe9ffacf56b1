// A white dimpled golf ball lying in short grass, low sun. Attention Lab's own scene.
// Render: povray golf-ball.pov +Ogolf-ball.png +W640 +H480 +A0.3 +R2 -D   (or ./render.sh for all four, as JPEG)
#version 3.7;
global_settings { assumed_gamma 1.0 max_trace_level 6 }
#include "colors.inc"
#declare Quality = 0;              // 1: real focal blur and soft shadows, many times slower

// ---------- camera and light (centimetres) ----------
#declare R = 2.135;
#declare BallAt = <0, R + 0.35, 0>;
camera {
  location <1.2, 4.9, -19>
  right x*image_width/image_height up y
  look_at <0.2, 2.85, 0> angle 28
  #if (Quality) focal_point BallAt + <0, 0, -1.7> aperture 1.05 blur_samples 44 variance 1/2000 confidence 0.93 #end
}
#declare SunDir = vnormalize(<-0.75, 0.85, -0.50>);
light_source { SunDir*3000 rgb <1.0, 0.94, 0.82>*1.62
  #if (Quality) area_light x*190, y*190, 4, 4 adaptive 1 jitter circular orient #end }
light_source { <300, 900, -500> rgb <0.55, 0.72, 1.0>*0.24 shadowless }      // sky fill
light_source { <-200, 700, 900> rgb <0.65, 0.80, 1.0>*0.20 shadowless }      // sky from behind

// ---------- ball: 362 dimples on a subdivided icosahedron ----------
#declare Phi = (1 + sqrt(5))/2;
#declare V = array[12] { <0,1,Phi>,<0,-1,Phi>,<0,1,-Phi>,<0,-1,-Phi>,<1,Phi,0>,<-1,Phi,0>,<1,-Phi,0>,<-1,-Phi,0>,<Phi,0,1>,<Phi,0,-1>,<-Phi,0,1>,<-Phi,0,-1> };
#declare N = 6;
#declare P = array[500]; #declare Count = 0;
#macro Add(Q)
  #local U = vnormalize(Q); #local New = 1; #local J = 0;
  #while (J < Count & New) #if (vlength(P[J] - U) < 0.02) #local New = 0; #end #local J = J + 1; #end
  #if (New) #declare P[Count] = U; #declare Count = Count + 1; #end
#end
#for (A, 0, 9) #for (B, A + 1, 10) #for (C, B + 1, 11)
  #if (vlength(V[A]-V[B]) < 2.1 & vlength(V[B]-V[C]) < 2.1 & vlength(V[A]-V[C]) < 2.1)
    #for (I, 0, N) #for (K, 0, N - I) Add((V[A]*I + V[B]*K + V[C]*(N - I - K))/N) #end #end
  #end
#end #end #end
#declare DimpleR = 0.42; #declare Far = 0.385;     // cutting sphere and how far out its centre lies
difference {
  sphere { 0, R }
  union { #for (I, 0, Count - 1) sphere { P[I]*(R + Far), DimpleR } #end }
  texture {
    pigment { rgb <0.97, 0.97, 0.95> }
    finish { ambient 0 diffuse 0.66 specular 0.40 roughness 0.012 reflection { 0.01, 0.09 fresnel on } conserve_energy }
  }
  interior { ior 1.5 }
  rotate <23, 41, 14> translate BallAt
}
light_source { BallAt + <0, -30, -6> rgb <0.42, 0.55, 0.18>*0.22 shadowless  // light thrown back by the grass
  fade_distance 40 fade_power 2 }

// ---------- grass ----------
#macro Blades(Seed, Size, Density, H0, H1, W0)
  #local S = seed(Seed);
  mesh {
    #for (I, 1, Size*Size*Density)
      #local Base = <(rand(S) - 0.5)*Size, 0, (rand(S) - 0.5)*Size>;
      #local A = rand(S)*2*pi; #local Dir = <cos(A), 0, sin(A)>;
      #local B = rand(S)*2*pi; #local Side = vnormalize(vcross(Dir, y) + 0.6*<cos(B), 0, sin(B)>);
      #local H = H0 + (H1 - H0)*rand(S); #local Lean = H*(0.10 + 0.75*pow(rand(S), 1.6)); #local W = W0*(0.6 + 0.7*rand(S));
      #local K = int(rand(S)*5.999);
      #local L0 = Base; #local M = 4; #local W_0 = W;
      #for (J, 1, M)
        #local T = J/M;
        #local L1 = Base + y*H*(T - 0.22*T*T*Lean/H) + Dir*Lean*T*T;
        #local W_1 = W*(1 - pow(T, 2.2));
        triangle { L0 - Side*W_0, L0 + Side*W_0, L1 + Side*W_1 texture { Green[K] } }
        #if (J < M) triangle { L0 - Side*W_0, L1 + Side*W_1, L1 - Side*W_1 texture { Green[K] } } #end
        #local L0 = L1; #local W_0 = W_1;
      #end
    #end
  }
#end
#macro G(C0, C1) texture {
  pigment { gradient y color_map { [0 rgb C0*0.14] [0.35 rgb C0*0.75] [0.75 rgb C1*1.35] [1 rgb C1*1.5] } scale 2.6 }
  finish { ambient 0.01 diffuse albedo 0.62, 0.34 specular 0.16 roughness 0.03 } } #end
#declare Green = array[6];
#declare Green[0] = G(<0.10, 0.22, 0.025>, <0.16, 0.34, 0.04>)
#declare Green[1] = G(<0.11, 0.25, 0.03>, <0.20, 0.40, 0.05>)
#declare Green[2] = G(<0.08, 0.18, 0.025>, <0.12, 0.28, 0.035>)
#declare Green[3] = G(<0.14, 0.27, 0.03>, <0.27, 0.44, 0.07>)
#declare Green[4] = G(<0.09, 0.22, 0.04>, <0.15, 0.33, 0.06>)
#declare Green[5] = G(<0.24, 0.24, 0.07>, <0.40, 0.38, 0.13>)
#declare Patch = array[3];
#declare Patch[0] = Blades(11, 8, 9, 0.9, 2.1, 0.085)
#declare Patch[1] = Blades(12, 8, 9, 0.8, 1.9, 0.085)
#declare Patch[2] = Blades(13, 8, 9, 0.9, 2.3, 0.09)
#declare S = seed(7);
union {
  #for (Z, -2, 19)
    #local Half = 2 + int(Z*0.32 + 0.5);
    #for (X, -max(Half, 2), max(Half, 2))
      object { Patch[int(rand(S)*2.999)] rotate y*90*int(rand(S)*3.999) scale <1, 0.85 + 0.3*rand(S), 1> translate <X*8, 0, Z*8> }
    #end
  #end
}
plane { y, 0 pigment { bozo color_map { [0 rgb <0.03, 0.045, 0.012>] [1 rgb <0.06, 0.06, 0.02>] } scale 1.5 } finish { ambient 0 diffuse 0.6 } clipped_by { box { <-500, -1, -200>, <500, 1, 300> } } }
plane { y, 1.4 pigment { bozo turbulence 0.4 color_map { [0 rgb <0.13, 0.25, 0.04>] [1 rgb <0.24, 0.36, 0.07>] } scale <30, 1, 9> } finish { ambient 0 diffuse 0.55 } clipped_by { box { <-9000, -1, 158>, <9000, 3, 9000> } } }

// ---------- far away, out of focus: trees and sky ----------
#declare Nz = function { pigment { bozo color_map { [0 rgb 0] [1 rgb 1] } } }
plane { -z, -1500 hollow no_shadow    // soft by construction: only low frequencies
  #local Leaf = pigment { bozo turbulence 0.35 omega 0.4 color_map { [0.20 rgb <0.022, 0.055, 0.015>] [0.45 rgb <0.065, 0.14, 0.03>] [0.66 rgb <0.17, 0.29, 0.06>] [0.80 rgb <0.42, 0.50, 0.17>] } scale <26, 20, 20> }
  pigment { function { min(1, max(0, 0.5 + (y - 66 - 45*(Nz(x/60, y/90, 4).red - 0.5) - 12*(Nz(x/16, y/16, 9).red - 0.5))/16)) }
    pigment_map { [0 Leaf] [0.35 Leaf] [1 gradient y color_map { [0 rgb <0.80, 0.87, 0.93>] [1 rgb <0.50, 0.70, 0.93>] } scale 200] } }
  finish { ambient 0 emission 0.9 diffuse 0 } }
sky_sphere { pigment { gradient y color_map { [0 rgb <0.75, 0.83, 0.92>] [0.6 rgb <0.25, 0.48, 0.85>] } } }
