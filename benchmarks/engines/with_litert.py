"""LiteRT's interpreter, as chalicelib/inference/classifier.py uses it, or its CompiledModel."""

from child import serve


def load(path, options):
    """options: "compiled", and for it "cpu" (of CpuOptions)."""
    return (_compiled if "compiled" in options else _interpreter)(path, options)


def _interpreter(path, options):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    given, found = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(pixels):
        interpreter.set_tensor(given["index"], pixels.astype(given["dtype"], copy=False))
        interpreter.invoke()
        return interpreter.get_tensor(found["index"])

    return run, int(given["shape"][1])


def _compiled(path, options):
    import numpy as np
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.cpu_options import CpuOptions
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator
    from ai_edge_litert.options import Options

    cpu = CpuOptions(num_threads=1, **options["compiled"])
    model = CompiledModel.from_file(
        path, options=Options(hardware_accelerators=HardwareAccelerator.CPU, cpu_options=cpu)
    )
    given, found = model.create_input_buffers(0), model.create_output_buffers(0)
    kind = np.dtype(options["output"])

    def run(pixels):
        given[0].write(pixels)
        model.run_by_index(0, given, found)
        return found[0].read(options["classes"], kind)

    return run, options["size"]


serve(load)
