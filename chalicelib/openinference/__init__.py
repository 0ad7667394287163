"""The Open Inference Protocol: KServe's shape of a prediction."""
