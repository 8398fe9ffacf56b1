"""Runs the models: fast on one photo, on many photos, for questions to one model, or as an ONNX file."""
