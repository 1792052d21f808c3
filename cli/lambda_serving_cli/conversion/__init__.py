"""Models of other frameworks as ONNX: converted, checked against the original, stored.

``conversion.convert`` does it all. A framework is one small module with one class that fits
``original.Original``, named in ``original.FRAMEWORKS``.
"""
