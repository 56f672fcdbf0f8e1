"""What computes graphs: devices, ONNX Runtime, OpenVINO, TensorRT."""
