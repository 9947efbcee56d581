/* Preloaded into a program under test: writes down what it does to the files of one folder, or lets the N-th call fail.
 *
 * CRASH_FOLDER  the folder that counts; files outside of it are left alone
 * CRASH_LOG     where to write down each call: a header and the bytes; see powercut.py, which reads it
 * CRASH_FAIL    "write:17:28" lets the 17th write fail with errno 28; also "fsync:…", "open:…"; once only
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPENED = 1, WRITTEN, CUT, SYNCED, REMOVED, RENAMED };
enum { FAIL_OPEN, FAIL_WRITE, FAIL_FSYNC, FAIL_KINDS };

typedef struct {
    uint32_t what, length;
    uint64_t inode, offset;
} Header;

static const char *folder;
static size_t folder_length;
static int log_fd = -1;
static int fail_kind = -1, fail_errno;
static long fail_at, calls[FAIL_KINDS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void)
{
    static const char *kinds[FAIL_KINDS] = {"open", "write", "fsync"};
    folder = getenv("CRASH_FOLDER");
    folder_length = folder ? strlen(folder) : 0;
    const char *path = getenv("CRASH_LOG"), *fail = getenv("CRASH_FAIL");
    if (path)
        log_fd = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    char kind[16];
    if (fail && sscanf(fail, "%15[a-z]:%ld:%d", kind, &fail_at, &fail_errno) == 3)
        for (int at = 0; at < FAIL_KINDS; at++)
            if (strcmp(kind, kinds[at]) == 0)
                fail_kind = at;
}

static int is_ours(const char *path)
{
    return folder && path && strncmp(path, folder, folder_length) == 0;
}

/* The inode if a descriptor is a file of the folder, else 0. SQLite opens by full path, so the link tells. */
static uint64_t ours(int fd)
{
    char link[32], path[4096];
    if (!folder || fd == log_fd)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    struct stat found;
    int counts = is_ours(path) && !strstr(path, "-shm") && fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
    return counts ? found.st_ino : 0;
}

static int fails(int kind)
{
    if (fail_kind != kind)
        return 0;
    pthread_mutex_lock(&mutex);
    int now = ++calls[kind] == fail_at;
    pthread_mutex_unlock(&mutex);
    if (now)
        errno = fail_errno;
    return now;
}

static void note(uint32_t what, uint64_t inode, uint64_t offset, const void *bytes, size_t length)
{
    if (log_fd < 0)
        return;
    int kept = errno;
    Header header = {what, (uint32_t)length, inode, offset};
    struct iovec both[2] = {{&header, sizeof header}, {(void *)bytes, length}};
    pthread_mutex_lock(&mutex);
    if (writev(log_fd, both, 2) < 0)
        abort();
    pthread_mutex_unlock(&mutex);
    errno = kept;
}

static int opened(int fd, const char *path)
{
    struct stat found;
    if (fd >= 0 && is_ours(path) && !strstr(path, "-shm") && fstat(fd, &found) == 0 && S_ISREG(found.st_mode))
        note(OPENED, found.st_ino, 0, path, strlen(path));
    return fd;
}

#define OPEN(name, ...)                                                                                  \
    {                                                                                                    \
        mode_t mode = 0;                                                                                 \
        if (flags & O_CREAT) {                                                                           \
            va_list rest;                                                                                \
            va_start(rest, flags);                                                                       \
            mode = va_arg(rest, mode_t);                                                                 \
            va_end(rest);                                                                                \
        }                                                                                                \
        if (is_ours(path) && fails(FAIL_OPEN))                                                           \
            return -1;                                                                                   \
        return opened(REAL(name)(__VA_ARGS__, flags, mode), path);                                       \
    }

int open(const char *path, int flags, ...) OPEN(open, path)
int open64(const char *path, int flags, ...) OPEN(open64, path)
int openat(int at, const char *path, int flags, ...) OPEN(openat, at, path)
int openat64(int at, const char *path, int flags, ...) OPEN(openat64, at, path)

static ssize_t written(uint64_t inode, ssize_t count, const void *bytes, off_t offset)
{
    if (inode && count > 0)
        note(WRITTEN, inode, (uint64_t)offset, bytes, (size_t)count);
    return count;
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    uint64_t inode = ours(fd);
    if (inode && fails(FAIL_WRITE))
        return -1;
    off_t offset = 0;
    if (inode && (offset = lseek(fd, 0, SEEK_CUR)) >= 0 && (fcntl(fd, F_GETFL) & O_APPEND))
        offset = lseek(fd, 0, SEEK_END);
    return written(inode, REAL(write)(fd, bytes, length), bytes, offset);
}

#define PWRITE(name)                                                                                     \
    {                                                                                                    \
        uint64_t inode = ours(fd);                                                                       \
        if (inode && fails(FAIL_WRITE))                                                                  \
            return -1;                                                                                   \
        return written(inode, REAL(name)(fd, bytes, length, offset), bytes, offset);                     \
    }

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) PWRITE(pwrite)
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) PWRITE(pwrite64)

#define TRUNCATE(name)                                                                                   \
    {                                                                                                    \
        uint64_t inode = ours(fd);                                                                       \
        if (inode && fails(FAIL_WRITE))                                                                  \
            return -1;                                                                                   \
        int failed = REAL(name)(fd, length);                                                             \
        if (inode && !failed)                                                                            \
            note(CUT, inode, (uint64_t)length, NULL, 0);                                                 \
        return failed;                                                                                   \
    }

int ftruncate(int fd, off_t length) TRUNCATE(ftruncate)
int ftruncate64(int fd, off_t length) TRUNCATE(ftruncate64)

#define SYNC(name)                                                                                       \
    {                                                                                                    \
        uint64_t inode = ours(fd);                                                                       \
        if (inode && fails(FAIL_FSYNC))                                                                  \
            return -1;                                                                                   \
        int failed = REAL(name)(fd);                                                                     \
        if (inode && !failed)                                                                            \
            note(SYNCED, inode, 0, NULL, 0);                                                             \
        return failed;                                                                                   \
    }

int fsync(int fd) SYNC(fsync)
int fdatasync(int fd) SYNC(fdatasync)

int unlink(const char *path)
{
    int failed = REAL(unlink)(path);
    if (!failed && is_ours(path))
        note(REMOVED, 0, 0, path, strlen(path));
    return failed;
}

int rename(const char *from, const char *to)
{
    int failed = REAL(rename)(from, to);
    if (!failed && is_ours(from)) {
        char both[8192];
        int length = snprintf(both, sizeof both, "%s%c%s", from, '\n', to);
        note(RENAMED, 0, 0, both, (size_t)length);
    }
    return failed;
}
