"""What callers are answered: the JSON body of each route. `GET /openapi.json` is made from it.

A docstring says what a field means after the field's name and a colon; the description of the
interface quotes that. A field that may be None by default is left out then, never null.
Importing this takes neither NumPy nor LiteRT, Pillow or boto3, so clients read answers by it too.
"""
