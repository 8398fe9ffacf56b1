"""A photo and names of models in, results out, fast; questions to one model; many photos; ONNX."""
