"""Files, paths, devices, threads, deadlines, intervals and corrections: what every other package stands on."""
