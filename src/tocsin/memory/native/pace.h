/* How many samples a second are worth it: under extreme churn the mean distance is doubled, and halved again later.
 *
 * Nothing becomes wrong by that: each sample keeps the weight of the distance it was taken at.
 *
 * Ownership: none. Threads: with the mutex of samples.h held. Reentrancy: none. Fork: plain memory.
 */
#ifndef TOCSIN_PACE_H
#define TOCSIN_PACE_H

#include <stdint.h>

/* Begin anew. 0 samples a second: without limit. */
void pace_reset(double most_per_s);

/* A sample was taken; sometimes this raises the level. */
void pace_sampled(void);

/* Now and then: lower the level by one if samples are few and the table has room. */
void pace_relax(void);

/* How often it was raised since the start. */
uint64_t pace_raised(void);

#endif
