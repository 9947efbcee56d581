/* The hook in Python's allocators: every block is counted against a distance in bytes, and the one that reaches it is
 * sampled. The distances are exponential, so a block of s bytes is sampled with the chance 1 - exp(-s / interval).
 *
 * Ownership: the allocators that were there before are kept and called; they are never put back, since another thread
 *            may be inside of one. `hook_stop` clears a flag.
 * Threads:   the distance is a thread's own. Blocks of the RAW domain may come without the GIL.
 * Reentrancy: the hook allocates nothing through Python. A `realloc` calls others within, which do not count then.
 * Fork:      see samples.h; a child goes on sampling.
 */
#ifndef TOCSIN_HOOK_H
#define TOCSIN_HOOK_H

#include <stddef.h>
#include <stdint.h>

/* pymalloc hands what is larger over to RAW, where it comes by a second time. */
#define PYMALLOC_AT_MOST 512

/* Put the hook in place, once for the life of the process; with the GIL held. */
void hook_install(void);

/* Sample from now on, with empty tables. */
void hook_start(double interval, size_t most);

/* Sample no more. What lives stays in the table, but is no longer seen to go. */
void hook_stop(void);

int hook_is_active(void);

/* A block that is not of Python's allocators but told of, as numpy does. */
void hook_track(const void *block, size_t size);
void hook_untrack(const void *block);

#endif
