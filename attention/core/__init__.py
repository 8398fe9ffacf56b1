"""What every other package builds on: files, paths, words, devices, threads, time limits and confidence intervals."""
