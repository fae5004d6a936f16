"""What runs ONNX graphs: sessions, graphics cards, cores."""
