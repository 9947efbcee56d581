/* What is made of numbers of /proc, for the sensors that a sample is mostly made of.
 *
 * Each function is the twin of the `read` of one sensor in Python, for the ordinary reading: every number is there, and
 * there is a base that is old enough. Whatever else there is, a fall, a first reading, a new device, it leaves to the
 * sensor by answering 0 before it has changed anything. The order of operations is that of the twin, so that both give
 * the same doubles; a test compares them. No function here touches an object of Python, or lets the GIL go.
 */
#include "derive.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>

static double sum(const double *values, Py_ssize_t count)
{
    double total = 0.0;
    for (Py_ssize_t i = 0; i < count; i++)
        total += values[i];
    return total;
}

static void keep(Base *base, const double *numbers, double mono_s)
{
    memcpy(base->before, numbers, (size_t)base->count * sizeof *numbers);
    base->before_s = mono_s;
}

/* ── host.cpu: settings are how many counts stand before the ticks, how many ticks a row has, where the idle ones and
 * those that wait for a disk stand among them, and the fewest ticks of a core that say anything. ── */

enum { COUNTS, WIDTH, IDLE, IOWAIT, MIN_TICKS, CPU_SETTINGS };

static double fallen_is_none(double tick)
{
    return tick > 0.0 ? tick : 0.0;
}

/* The busy share of a row of ticks; NaN where too few passed, or time went back. */
static double busy(const double *now, const double *before, const double *settings)
{
    double all = 0.0, risen = 0.0;
    Py_ssize_t idle = (Py_ssize_t)settings[IDLE], iowait = (Py_ssize_t)settings[IOWAIT];
    for (Py_ssize_t i = 0; i < (Py_ssize_t)settings[WIDTH]; i++) {
        all += now[i] - before[i];
        risen += fallen_is_none(now[i] - before[i]);
    }
    if (all < settings[MIN_TICKS])
        return NAN;
    return 1.0 - (fallen_is_none(now[idle] - before[idle]) + fallen_is_none(now[iowait] - before[iowait])) / risen;
}

static int derive_cpu(Case *one)
{
    const double *settings = one->settings, *before = one->base->before;
    Py_ssize_t counts = (Py_ssize_t)settings[COUNTS], width = (Py_ssize_t)settings[WIDTH];
    Py_ssize_t ticks = one->count - counts, rows = width > 0 ? ticks / width : 0, cores = rows - 1;
    const double *now = one->numbers + counts;
    if (rows < 1 || settings[IDLE] >= settings[WIDTH] || settings[IOWAIT] >= settings[WIDTH] ||
        one->base->count != ticks ||
        one->base->outputs != 2 + counts + width + cores)
        return 0;
    for (Py_ssize_t i = 0; i < ticks; i++)
        if (isnan(now[i] - before[i]))
            return 0;
    double passed = sum(now, width) - sum(before, width);
    if (passed >= 0.0 && passed < settings[MIN_TICKS] * (double)cores)
        return 0;
    double *out = one->out, total = 0.0;
    *out++ = busy(now, before, settings);
    *out++ = (double)cores;
    memcpy(out, one->numbers, (size_t)counts * sizeof *out);
    out += counts;
    for (Py_ssize_t i = 0; i < width; i++)
        total += fallen_is_none(now[i] - before[i]);
    if (isnan(one->out[0]))
        total = NAN;
    for (Py_ssize_t i = 0; i < width; i++)
        *out++ = fallen_is_none(now[i] - before[i]) / total;
    for (Py_ssize_t row = 1; row < rows; row++)
        *out++ = busy(now + row * width, before + row * width, settings);
    keep(one->base, now, one->mono_s);
    return 1;
}

/* ── host.memory: the total, what is available, free swap, then what is handed over as it is, the last of which is all
 * swap. ── */

static int derive_memory(Case *one)
{
    const double *numbers = one->numbers;
    if (one->count < 4)
        return 0;
    double total = numbers[0], available = numbers[1], swap = numbers[one->count - 1];
    Py_ssize_t plain = one->count - 3;
    int has_swap = swap > 0.0;
    if (!(total > 0.0) || isnan(available) || one->base->outputs != 5 + plain + has_swap)
        return 0;
    if (total < available)
        available = total;
    double *out = one->out;
    *out++ = total;
    *out++ = total - available;
    *out++ = available;
    *out++ = (total - available) / total;
    *out++ = swap - numbers[2];
    memcpy(out, numbers + 3, (size_t)plain * sizeof *out);
    if (has_swap)
        out[plain] = (swap - numbers[2]) / swap;
    return 1;
}

/* ── host.disk: settings are how many numbers a disk has, where those stand of which something is made, and the shortest
 * time in which that is done. ── */

enum { DISK, READS, READ_S, WRITES, WRITE_S, FLUSHES, FLUSH_S, BUSY_S, QUEUED_S, MIN_DISK_S, DISK_SETTINGS };
#define MADE 5 /* of each disk */

static double mean_s(double operations, double spent_s)
{
    return operations > 0.0 && spent_s >= 0.0 ? spent_s / operations : NAN;
}

static void derive_disk_one(const double *now, const double *before, const double *settings, double passed_s, double *out)
{
    double risen[DISK_SETTINGS];
    for (int i = READS; i <= QUEUED_S; i++)
        risen[i] = now[(Py_ssize_t)settings[i]] - before[(Py_ssize_t)settings[i]];
    out[0] = mean_s(risen[READS], risen[READ_S]);
    out[1] = mean_s(risen[WRITES], risen[WRITE_S]);
    out[2] = mean_s(risen[FLUSHES], risen[FLUSH_S]);
    double share = risen[BUSY_S] / passed_s;
    out[3] = !(risen[BUSY_S] >= 0.0) ? NAN : share > 1.0 ? 1.0 : share;
    out[4] = risen[QUEUED_S] >= 0.0 ? risen[QUEUED_S] / passed_s : NAN;
}

static int derive_disk(Case *one)
{
    Py_ssize_t width = (Py_ssize_t)one->settings[DISK], disks = width > 0 ? one->count / width : -1;
    double passed_s = one->mono_s - one->base->before_s;
    for (int i = READS; i <= QUEUED_S; i++)
        if (one->settings[i] >= one->settings[DISK])
            return 0;
    if (one->base->count != one->count || one->base->outputs != one->count + MADE * disks ||
        !(passed_s >= one->settings[MIN_DISK_S]))
        return 0;
    memcpy(one->out, one->numbers, (size_t)one->count * sizeof *one->out);
    for (Py_ssize_t i = 0; i < disks; i++) {
        const double *now = one->numbers + i * width, *before = one->base->before + i * width;
        double *out = one->out + one->count + i * MADE;
        int same = 1;
        for (Py_ssize_t column = 0; column < width; column++)
            same &= now[column] == before[column];
        if (same) {
            out[0] = out[1] = out[2] = NAN;
            out[3] = out[4] = 0.0;
        } else {
            derive_disk_one(now, before, one->settings, passed_s, out);
        }
    }
    keep(one->base, one->numbers, one->mono_s);
    return 1;
}

/* ── process: of statm address space, resident and shared bytes, then six numbers of io. The base is its CPU time, the
 * limit of its memory, and when it began; the setting is the shortest time in which its CPU time is a share. ── */

enum { CPU_S, LIMIT, BEGAN_S, PROCESS_BASE };
enum { MIN_PROCESS_S, PROCESS_SETTINGS };
#define PAGES 3
#define TRAFFIC 6
#define PROCESS_OUTPUTS 20

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 0.000001; /* as the module `resource` has it */
}

static int derive_process(Case *one)
{
    Base *base = one->base;
    struct rusage used;
    if (one->count != PAGES + TRAFFIC || base->count != PROCESS_BASE || base->outputs != PROCESS_OUTPUTS ||
        getrusage(RUSAGE_SELF, &used) != 0)
        return 0;
    double user_s = seconds(used.ru_utime), system_s = seconds(used.ru_stime), cpu_s = user_s + system_s;
    double passed_s = one->mono_s - base->before_s, uptime_s = one->boot_s - base->before[BEGAN_S];
    double limit = base->before[LIMIT];
    if (!(passed_s >= one->settings[MIN_PROCESS_S]) || !(cpu_s >= base->before[CPU_S]))
        return 0;
    const double found[] = {
        (cpu_s - base->before[CPU_S]) / passed_s, user_s, system_s, one->numbers[1], one->numbers[0], one->numbers[2],
        (double)used.ru_maxrss * 1024.0, limit, one->numbers[1] / limit, uptime_s >= 0.0 ? uptime_s : NAN,
        (double)used.ru_minflt, (double)used.ru_majflt, (double)used.ru_nvcsw, (double)used.ru_nivcsw,
    };
    memcpy(one->out, found, sizeof found);
    memcpy(one->out + sizeof found / sizeof *found, one->numbers + PAGES, TRAFFIC * sizeof *one->out);
    base->before[CPU_S] = cpu_s;
    base->before_s = one->mono_s;
    return 1;
}

/* ── what is handed over as it is ── */

static int derive_copy(Case *one)
{
    if (one->base->outputs != one->count)
        return 0;
    memcpy(one->out, one->numbers, (size_t)one->count * sizeof *one->out);
    return 1;
}

/* ── what goes on being what it was ── */

static int derive_same(Case *one)
{
    if (one->base->outputs != one->base->count)
        return 0;
    memcpy(one->out, one->base->before, (size_t)one->base->count * sizeof *one->out);
    return 1;
}

static const struct {
    const char *name;
    Py_ssize_t settings;
    Derive derive;
} WAYS[] = {
    {"copy", 0, derive_copy},
    {"same", 0, derive_same},
    {"cpu", CPU_SETTINGS, derive_cpu},
    {"memory", 0, derive_memory},
    {"disk", DISK_SETTINGS, derive_disk},
    {"process", PROCESS_SETTINGS, derive_process},
};

Derive tocsin_derive_by_name(const char *name, Py_ssize_t settings)
{
    for (size_t i = 0; i < sizeof WAYS / sizeof *WAYS; i++)
        if (strcmp(WAYS[i].name, name) == 0)
            return WAYS[i].settings == settings ? WAYS[i].derive : NULL;
    return NULL;
}
