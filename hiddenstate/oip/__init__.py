"""Generated stubs of the Open Inference Protocol (`package inference`). Other clients of it define the same names, so
never import this package beside one of them in one process; nothing else of `hiddenstate` imports it.
"""
