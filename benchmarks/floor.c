/* The floor under any sampler: the same reads of the same files with kept descriptors, and no parsing at all.
 *
 *     floor SECONDS OFFSET_S HOT_LOOPS KIND:EVERY:PATH...
 *
 * KIND is r (pread of a kept descriptor), f (fstat of a kept descriptor), s (stat), v (statvfs) or p (open, read and
 * close the file `stat` of each process below a folder); EVERY is the number of samples from one reading to the next. It samples once a second for SECONDS, then HOT_LOOPS times without a pause, and prints
 * one JSON object: CPU microseconds of each sample, of the whole process, and of a sample in the hot loop.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

struct source {
    char kind;
    int every;
    const char *path;
    int fd;
};

static char buffer[1 << 17];

static double clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void sleep_until(double mono_us)
{
    struct timespec at = {(time_t)(mono_us / 1e6), 0};
    at.tv_nsec = (long)((mono_us - at.tv_sec * 1e6) * 1e3);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0) {
    }
}

static void read_whole(int fd)
{
    off_t offset = 0;
    ssize_t got;
    while ((got = pread(fd, buffer, sizeof buffer, offset)) >= 2048)
        offset += got; /* record files come in pieces of about a page */
}

static void read_processes(const char *path)
{
    struct dirent *entry;
    char name[300];
    DIR *folder = opendir(path);
    if (folder == NULL)
        return;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        snprintf(name, sizeof name, "%s/stat", entry->d_name);
        int fd = openat(dirfd(folder), name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (read(fd, buffer, 1024) < 0) {
        }
        close(fd);
    }
    closedir(folder);
}

static void read_source(const struct source *source)
{
    struct stat status;
    struct statvfs space;
    switch (source->kind) {
    case 'r':
        read_whole(source->fd);
        break;
    case 's':
        stat(source->path, &status);
        break;
    case 'v':
        statvfs(source->path, &space);
        break;
    case 'f':
        fstat(source->fd, &status);
        break;
    case 'p':
        read_processes(source->path);
        break;
    }
}

static void sample(const struct source *sources, int count, int number)
{
    for (int i = 0; i < count; i++)
        if (number % sources[i].every == 0)
            read_source(&sources[i]);
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    int seconds = atoi(argv[1]), hot = atoi(argv[3]), count = argc - 4;
    double offset_us = atof(argv[2]) * 1e6;
    struct source *sources = calloc(count, sizeof *sources);
    for (int i = 0; i < count; i++) {
        char *text = argv[i + 4], *rest;
        sources[i].kind = text[0];
        sources[i].every = (int)strtol(text + 2, &rest, 10);
        sources[i].path = rest + 1;
        sources[i].fd = strchr("rf", sources[i].kind) ? open(sources[i].path, O_RDONLY | O_CLOEXEC) : -1;
    }
    sample(sources, count, 0);

    double start_us = clock_us(CLOCK_MONOTONIC) + offset_us, whole_us = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    double *spent_us = calloc(seconds + 1, sizeof *spent_us);
    for (int i = 1; i <= seconds; i++) {
        sleep_until(start_us + i * 1e6);
        double before_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
        sample(sources, count, i);
        spent_us[i] = clock_us(CLOCK_THREAD_CPUTIME_ID) - before_us;
    }
    whole_us = clock_us(CLOCK_PROCESS_CPUTIME_ID) - whole_us;

    double hot_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < hot; i++)
        sample(sources, count, i);
    hot_us = (clock_us(CLOCK_THREAD_CPUTIME_ID) - hot_us) / hot;

    printf("{\"values\": 0, \"whole_us\": %.1f, \"hot_us\": %.2f, \"samples_us\": [", whole_us, hot_us);
    for (int i = 1; i <= seconds; i++)
        printf("%s%.2f", i > 1 ? ", " : "", spent_us[i]);
    printf("]}\n");
    return 0;
}
