/* The hook in Python's allocators: every block is counted against a distance in bytes, and the one that reaches it is
 * sampled. The distances are exponential, so a block of s bytes is sampled with the chance 1 - exp(-s / interval).
 *
 * Ownership: the allocators that were there before are kept and called; they are never put back, since another thread
 *            may be inside of one, and for the same reason the library is never unloaded. `hook_stop` clears a flag.
 * Threads:   the distance is a thread's own. Blocks of the RAW domain may come without the GIL. What is decided about
 *            a sample is decided with the mutex of samples.h held, and before the block is handed out, or before it is
 *            given back: afterwards it may be another thread's.
 * Reentrancy: the hook allocates nothing through Python. pymalloc hands large blocks over to RAW within a call of its
 *            own; only one of the two counts.
 * Fork:      see samples.h; a child goes on sampling.
 */
#ifndef TOCSIN_HOOK_H
#define TOCSIN_HOOK_H

#include <stddef.h>
#include <stdint.h>

/* pymalloc hands what is larger over to RAW, where it comes by a second time. */
#define PYMALLOC_AT_MOST 512
/* The sizes it gives are multiples of this. */
#define PYMALLOC_STEP (sizeof(void *) > 4 ? 16 : 8)

/* Put the hook in place, once for the life of the process; with the GIL held. 0, or an errno. */
int hook_install(void);

/* Whether blocks still come by: who took the allocators before us and puts them back takes our hooks away. */
int hook_is_in_place(void);

/* Sample from now on, with empty tables. Other threads go on with the distance they have; where that was drawn for a
 * longer interval, they take their first sample late. */
void hook_start(double interval, size_t most, double most_per_s);

/* Take no more samples. Those that live are still seen to go. */
void hook_stop(void);

int hook_is_active(void);

/* A block that is not of Python's allocators but told of, as numpy does. */
void hook_track(const void *block, size_t size);
void hook_untrack(const void *block);

#endif
