/* See pace.h. */

#include "pace.h"

#include <time.h>

#include "samples.h"

#define ROUND_S 0.25

static double most_per_s, began_s;
static uint64_t in_round, round_full, raised;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void begin_round(double at_s)
{
    began_s = at_s;
    in_round = 0;
}

void pace_reset(double most)
{
    most_per_s = most;
    round_full = most > 0.0 ? (uint64_t)(most * ROUND_S) + 1 : UINT64_MAX;
    raised = 0;
    begin_round(now_s());
}

/* The clock is read once for a whole round: a quarter of a second's worth of samples. */
void pace_sampled(void)
{
    if (++in_round < round_full)
        return;
    double now = now_s();
    Samples *samples = samples_state();
    if (now - began_s < ROUND_S && samples->level < LEVELS_MAX) {
        samples->level++;
        raised++;
    }
    begin_round(now);
}

void pace_relax(void)
{
    double now = now_s(), lasted_s = now - began_s;
    Samples *samples = samples_state();
    if (samples->level == 0 || lasted_s < ROUND_S)
        return;
    /* Half the distance means twice the samples: both bounds leave room for that. */
    if ((double)in_round < lasted_s * most_per_s / 4.0 && samples->live < samples->most / 4)
        samples->level--;
    begin_round(now);
}

uint64_t pace_raised(void)
{
    return raised;
}
