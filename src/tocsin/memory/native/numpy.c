/* See numpy.h. ELF on 64-bit Linux only. */

#define _GNU_SOURCE

#include "numpy.h"

#include <Python.h>

#if defined(__linux__) && defined(__LP64__)

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hook.h"

/* Public since 3.6, but declared in a header of the interpreter's own until 3.13. */
extern int PyTraceMalloc_Track(unsigned int domain, uintptr_t block, size_t size);
extern int PyTraceMalloc_Untrack(unsigned int domain, uintptr_t block);

typedef struct {
    uintptr_t base;
    uintptr_t sealed_from, sealed_to; /* pages made read-only once the library was loaded */
    const ElfW(Sym) *symbols;
    const char *names;
    const ElfW(Rela) *calls, *data;
    size_t calls_bytes, data_bytes;
} Library;

static unsigned long long loaded_before;

static int track(unsigned int domain, uintptr_t block, size_t size)
{
    /* Told of again when it was resized: then the old size is over. */
    hook_untrack((const void *)block);
    if (block != 0)
        hook_track((const void *)block, size);
    return PyTraceMalloc_Track(domain, block, size);
}

static int untrack(unsigned int domain, uintptr_t block)
{
    hook_untrack((const void *)block);
    return PyTraceMalloc_Untrack(domain, block);
}

static void *ours(const char *name)
{
    if (strcmp(name, "PyTraceMalloc_Track") == 0)
        return (void *)track;
    if (strcmp(name, "PyTraceMalloc_Untrack") == 0)
        return (void *)untrack;
    return NULL;
}

static int exchange(const Library *library, void **slot, void *with)
{
    if (*slot == with)
        return 0;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)slot & ~(page - 1);
    int sealed = start >= library->sealed_from && start < library->sealed_to;
    if (sealed && mprotect((void *)start, page, PROT_READ | PROT_WRITE) != 0)
        return 0;
    __atomic_store_n(slot, with, __ATOMIC_RELEASE);
    if (sealed)
        mprotect((void *)start, page, PROT_READ);
    return 1;
}

static int exchange_all(const Library *library, const ElfW(Rela) *entry, size_t bytes)
{
    int exchanged = 0;
    for (size_t number = bytes / sizeof *entry; entry != NULL && number > 0; number--, entry++) {
        unsigned long symbol = ELF64_R_SYM(entry->r_info);
        void *with = symbol == 0 ? NULL : ours(library->names + library->symbols[symbol].st_name);
        if (with != NULL)
            exchanged += exchange(library, (void **)(library->base + entry->r_offset), with);
    }
    return exchanged;
}

/* glibc has written addresses over the offsets of the file; other loaders leave them. */
static const void *address(const Library *library, ElfW(Addr) pointer)
{
    return (const void *)(pointer < library->base ? pointer + library->base : pointer);
}

static void read_dynamic(Library *library, const ElfW(Dyn) *entry)
{
    for (; entry != NULL && entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_SYMTAB)
            library->symbols = address(library, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_STRTAB)
            library->names = address(library, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_JMPREL)
            library->calls = address(library, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_PLTRELSZ)
            library->calls_bytes = entry->d_un.d_val;
        else if (entry->d_tag == DT_RELA)
            library->data = address(library, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_RELASZ)
            library->data_bytes = entry->d_un.d_val;
    }
}

static Library read_library(const struct dl_phdr_info *info)
{
    Library library = {.base = info->dlpi_addr};
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int at = 0; at < info->dlpi_phnum; at++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[at];
        if (part->p_type == PT_DYNAMIC)
            read_dynamic(&library, (const ElfW(Dyn) *)(library.base + part->p_vaddr));
        if (part->p_type == PT_GNU_RELRO) {
            library.sealed_from = (library.base + part->p_vaddr) & ~(page - 1);
            library.sealed_to = (library.base + part->p_vaddr + part->p_memsz) & ~(page - 1);
        }
    }
    return library;
}

static int look(struct dl_phdr_info *info, size_t size, void *exchanged)
{
    /* Each row tells how many libraries were ever loaded: without a new one there is nothing to do. */
    if (size >= offsetof(struct dl_phdr_info, dlpi_subs) && info->dlpi_adds == loaded_before)
        return 1;
    if (info->dlpi_name == NULL || strstr(info->dlpi_name, "_multiarray_umath") == NULL)
        return 0;
    Library library = read_library(info);
    if (library.symbols == NULL || library.names == NULL)
        return 0;
    *(int *)exchanged += exchange_all(&library, library.calls, library.calls_bytes);
    *(int *)exchanged += exchange_all(&library, library.data, library.data_bytes);
    return 0;
}

static int remember(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)unused;
    if (size >= offsetof(struct dl_phdr_info, dlpi_subs))
        loaded_before = info->dlpi_adds;
    return 1;
}

int numpy_patch(void)
{
    int exchanged = 0;
    if (dl_iterate_phdr(look, &exchanged) == 0)
        dl_iterate_phdr(remember, NULL);
    return exchanged;
}

#else

int numpy_patch(void)
{
    return 0;
}

#endif
