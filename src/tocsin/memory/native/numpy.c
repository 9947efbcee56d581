/* See numpy.h. ELF on 64-bit Linux only. */

#define _GNU_SOURCE

#include "numpy.h"

#include <Python.h>

#if defined(__linux__) && defined(__LP64__)

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hook.h"

/* Public since 3.6, but declared in a header of the interpreter's own until 3.13. */
extern int PyTraceMalloc_Track(unsigned int domain, uintptr_t block, size_t size);
extern int PyTraceMalloc_Untrack(unsigned int domain, uintptr_t block);

static int track(unsigned int domain, uintptr_t block, size_t size)
{
    /* Told of again when it was resized: then the old size is over. */
    hook_untrack((const void *)block);
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

/* The page may have been made read-only when the library was loaded; it stays writable then, which harms nobody. */
static int exchange(void **slot, void *with)
{
    if (*slot == with)
        return 0;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)slot & ~(page - 1);
    if (mprotect((void *)start, page, PROT_READ | PROT_WRITE) != 0)
        return 0;
    *slot = with;
    return 1;
}

static int exchange_all(const struct dl_phdr_info *library, const ElfW(Rela) *entry, size_t bytes,
                        const ElfW(Sym) *symbols, const char *names)
{
    int exchanged = 0;
    for (size_t number = bytes / sizeof *entry; entry != NULL && number > 0; number--, entry++) {
        unsigned long symbol = ELF64_R_SYM(entry->r_info);
        void *with = symbol == 0 ? NULL : ours(names + symbols[symbol].st_name);
        if (with != NULL)
            exchanged += exchange((void **)(library->dlpi_addr + entry->r_offset), with);
    }
    return exchanged;
}

static int look(struct dl_phdr_info *library, size_t unused_size, void *exchanged)
{
    (void)unused_size;
    if (library->dlpi_name == NULL || strstr(library->dlpi_name, "_multiarray_umath") == NULL)
        return 0;
    const ElfW(Dyn) *entry = NULL;
    for (int at = 0; at < library->dlpi_phnum; at++)
        if (library->dlpi_phdr[at].p_type == PT_DYNAMIC)
            entry = (const ElfW(Dyn) *)(library->dlpi_addr + library->dlpi_phdr[at].p_vaddr);
    const ElfW(Sym) *symbols = NULL;
    const char *names = NULL;
    const ElfW(Rela) *calls = NULL, *data = NULL;
    size_t calls_bytes = 0, data_bytes = 0;
    for (; entry != NULL && entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_SYMTAB)
            symbols = (const ElfW(Sym) *)entry->d_un.d_ptr;
        else if (entry->d_tag == DT_STRTAB)
            names = (const char *)entry->d_un.d_ptr;
        else if (entry->d_tag == DT_JMPREL)
            calls = (const ElfW(Rela) *)entry->d_un.d_ptr;
        else if (entry->d_tag == DT_PLTRELSZ)
            calls_bytes = entry->d_un.d_val;
        else if (entry->d_tag == DT_RELA)
            data = (const ElfW(Rela) *)entry->d_un.d_ptr;
        else if (entry->d_tag == DT_RELASZ)
            data_bytes = entry->d_un.d_val;
    }
    if (symbols == NULL || names == NULL)
        return 0;
    *(int *)exchanged += exchange_all(library, calls, calls_bytes, symbols, names);
    *(int *)exchanged += exchange_all(library, data, data_bytes, symbols, names);
    return 0;
}

int numpy_patch(void)
{
    int exchanged = 0;
    dl_iterate_phdr(look, &exchanged);
    return exchanged;
}

#else

int numpy_patch(void)
{
    return 0;
}

#endif
