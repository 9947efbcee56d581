"""Code for programs under test that allocate blocks of which the size is known to the byte."""

from __future__ import annotations

import textwrap

# Blocks through the C functions themselves, of which the size is known to the byte. `api` is called with the GIL, `raw`
# without it. The addresses are kept outside of Python's allocators.
EXACT = textwrap.dedent("""
    import ctypes, json
    api, raw = ctypes.pythonapi, ctypes.CDLL(None)

    def functions(library, domain):
        allocate, resize, release = (getattr(library, f"Py{domain}{verb}") for verb in ("Malloc", "Realloc", "Free"))
        allocate.restype = resize.restype = ctypes.c_void_p
        allocate.argtypes, release.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
        resize.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        return allocate, resize, release

    def room(count):
        return (ctypes.c_void_p * count)()

    def allocate_all(allocate, size, count):
        blocks = room(count)
        for index in range(count):
            blocks[index] = allocate(size)
        return blocks

    def resize_all(resize, blocks, size):
        for index in range(len(blocks)):
            blocks[index] = resize(blocks[index], size)

    def release_all(release, blocks):
        for index in range(len(blocks)):
            release(blocks[index])

    def alive(*names):
        tops = ((row, heap.frames(row[0])[:1]) for row in heap.snapshot())
        return sum(row[1] for row, top in tops if top and top[0][2] in names)

    def begin():
        heap.start(512.0, max_samples=1 << 20, max_samples_per_s=0)
""")

# Sampled at 512 bytes, 2 MB have a sigma of 1.6 %; 12 % is more than six of them, and far from double.
TOTAL = 2_000_000
CLOSE = 0.12


def exact(code: str) -> str:
    return EXACT + textwrap.dedent(code)
