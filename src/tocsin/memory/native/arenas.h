/* How much pymalloc holds from the system: its arenas are counted as they come and go.
 *
 * Ownership: the arena allocator that was there before is kept and called; it is never put back.
 * Threads:   arenas come and go with some interpreter's GIL; the count is atomic.
 * Reentrancy: none; nothing in here allocates through Python.
 * Fork:      plain memory; a child holds its parent's arenas and counts on.
 */
#ifndef TOCSIN_ARENAS_H
#define TOCSIN_ARENAS_H

/* Begin to count, once; with the GIL, and before the hooks of hook.h are in place, since the interpreter tells how many
 * arenas there are already only while nothing stands before pymalloc. */
void arenas_watch(void);

/* Bytes of arenas now; -1 if it was not known how many there were. */
long long arenas_bytes(void);

#endif
