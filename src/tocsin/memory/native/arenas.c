/* See arenas.h. */

#define _GNU_SOURCE /* RTLD_DEFAULT */

#include "arenas.h"

#include <Python.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static PyObjectArenaAllocator before;
static long long bytes = -1;
static size_t arena_size; /* stacks of frames come from the same allocator, in other sizes */
static int watching;

static void count(size_t size, long long sign)
{
    if (size == arena_size)
        __atomic_fetch_add(&bytes, sign * (long long)size, __ATOMIC_RELAXED);
}

static void *counted_alloc(void *context, size_t size)
{
    void *arena = before.alloc(context, size);
    if (arena != NULL)
        count(size, 1);
    return arena;
}

static void counted_free(void *context, void *arena, size_t size)
{
    count(size, -1);
    before.free(context, arena, size);
}

/* The statistics for people have a line "4 arenas * 1048576 bytes/arena     =            4,194,304". They are older and
 * more alike across versions than the structures they are made from. 0: it is not there. */
static int read_statistics(const char *text, size_t *arenas, size_t *size)
{
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "%zu arenas * %zu bytes/arena", arenas, size) == 2)
            return 1;
    }
    return 0;
}

/* Without pymalloc (PYTHONMALLOC=malloc) there is nothing to say, and there are no arenas: 0 of a size that none has. */
static int read_now(size_t *arenas, size_t *size)
{
    int (*statistics)(FILE *) = (int (*)(FILE *))dlsym(RTLD_DEFAULT, "_PyObject_DebugMallocStats");
    char *text = NULL;
    size_t length = 0;
    FILE *into = statistics == NULL ? NULL : open_memstream(&text, &length);
    if (into == NULL)
        return 0;
    int told = statistics(into);
    fclose(into);
    *arenas = *size = 0;
    int known = text != NULL && (!told || read_statistics(text, arenas, size));
    free(text);
    return known;
}

void arenas_watch(void)
{
    size_t arenas = 0;
    if (watching)
        return;
    watching = 1;
    if (!read_now(&arenas, &arena_size))
        return;
    bytes = (long long)(arenas * arena_size);
    PyObject_GetArenaAllocator(&before);
    PyObjectArenaAllocator ours = {before.ctx, counted_alloc, counted_free};
    PyObject_SetArenaAllocator(&ours);
}

long long arenas_bytes(void)
{
    return __atomic_load_n(&bytes, __ATOMIC_RELAXED);
}
