/* What the C library's malloc keeps for the next time, although nobody uses it.
 *
 * Threads: malloc is locked, one of its arenas after the other, while its free chunks are walked: some 60 ns a chunk.
 *          Called without the GIL, so that threads which do not allocate go on.
 */
#ifndef TOCSIN_FREE_CHUNKS_H
#define TOCSIN_FREE_CHUNKS_H

#include <stddef.h>

/* 0 if this C library does not tell. */
int free_chunks(size_t *bytes, size_t *chunks);

#endif
