"""The JSON bodies of answers, from which `openapi.json` is generated.

A docstring explains a field after its name and a colon; `openapi.json` quotes this text. A field
whose default is None is left out if it is None, never null. Importing this needs no NumPy,
LiteRT, Pillow or boto3, so clients can use it to read answers.
"""
