"""OpenVINO on its CPU plugin, from its own format or straight from a .tflite file."""

from child import serve


def load(path, options):
    """options: "config" (properties of the CPU plugin)."""
    import openvino

    core = openvino.Core()
    properties = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
    model = core.compile_model(path, "CPU", properties | options.get("config", {}))
    request = model.create_infer_request()

    def run(pixels):
        if "f32" in str(model.input(0).element_type):
            pixels = pixels.astype("float32")
        return request.infer([pixels], share_inputs=True)[0]

    return run, int(model.input(0).shape[1])


serve(load)
