/*  file_hashes.c - the cache, and how a file shows in /proc/PID/maps.

    Some file systems (overlays, btrfs) show another device and inode in a memory map than fstat
    does. So that both can be compared all the same, the file is mapped here, once, and the map of
    this process says how it looks.  */

#include "services/platform/file_hashes.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "enclave/measurement.h"

enum { S_PAGE = 4096 };

typedef struct {
    struct stat state;
    tacit_file_facts_t facts;
    bool used;
} s_entry_t;

struct tacit_file_hashes {
    s_entry_t entries[TACIT_FILE_HASHES_MAX];
    size_t next; /* to be overwritten */
};

tacit_status_t tacit_file_hashes_new(tacit_file_hashes_t **ret_hashes)
{
    tacit_file_hashes_t *hashes = calloc(1, sizeof *hashes);
    if (!hashes) {
        return TACIT_NO_MEMORY;
    }
    *ret_hashes = hashes;
    return TACIT_OK;
}

void tacit_file_hashes_destroy(tacit_file_hashes_t **hashes)
{
    if (hashes && *hashes) {
        free(*hashes);
        *hashes = NULL;
    }
}

static bool s_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool s_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           s_same_time(&a->st_mtim, &b->st_mtim) && s_same_time(&a->st_ctim, &b->st_ctim);
}

static bool s_settled(const struct stat *state)
{
    time_t last = state->st_mtim.tv_sec > state->st_ctim.tv_sec ? state->st_mtim.tv_sec
                                                                : state->st_ctim.tv_sec;
    return time(NULL) - last > TACIT_FILE_HASHES_SETTLE_S;
}

/*  "start-end perms offset dev inode path", of the map that starts at address.  */
static bool s_find_mapping(FILE *maps, uintptr_t address, char *ret_mapping, size_t size)
{
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    while (!found && getline(&line, &room, maps) > 0) {
        char device[16];
        char inode[24];
        char *end = NULL;
        if (strtoull(line, &end, 16) == address && *end == '-' &&
            sscanf(end, "-%*x %*4s %*x %15s %23s", device, inode) == 2) {
            found = (size_t)snprintf(ret_mapping, size, "%s %s", device, inode) < size;
        }
    }
    free(line);
    return found;
}

static bool s_mapping(int fd, char *ret_mapping, size_t size)
{
    void *address = mmap(NULL, S_PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    if (address == MAP_FAILED) {
        return false;
    }
    FILE *maps = fopen("/proc/self/maps", "re");
    bool found = maps && s_find_mapping(maps, (uintptr_t)address, ret_mapping, size);
    if (maps) {
        (void)fclose(maps);
    }
    munmap(address, S_PAGE);
    return found;
}

static tacit_status_t s_measure(int fd, const struct stat *before, tacit_file_facts_t *facts)
{
    struct stat after;
    tacit_status_t status = tacit_measure_file(fd, facts->sha256);
    if (status) {
        return status;
    }
    if (fstat(fd, &after) != 0 || !s_same(before, &after)) {
        return TACIT_CORRUPT;
    }
    return s_mapping(fd, facts->mapping, sizeof facts->mapping) ? TACIT_OK : TACIT_STORAGE_FAILED;
}

tacit_status_t tacit_file_hashes_get(tacit_file_hashes_t *hashes, int fd,
                                     tacit_file_facts_t *ret_facts)
{
    struct stat state;
    if (fstat(fd, &state) != 0 || !S_ISREG(state.st_mode)) {
        return TACIT_STORAGE_FAILED;
    }
    for (size_t i = 0; i < TACIT_FILE_HASHES_MAX; i++) {
        if (hashes->entries[i].used && s_same(&hashes->entries[i].state, &state)) {
            *ret_facts = hashes->entries[i].facts;
            return TACIT_OK;
        }
    }
    tacit_file_facts_t facts;
    tacit_status_t status = s_measure(fd, &state, &facts);
    if (status) {
        return status;
    }
    if (s_settled(&state)) {
        hashes->entries[hashes->next] = (s_entry_t){.state = state, .facts = facts, .used = true};
        hashes->next = (hashes->next + 1) % TACIT_FILE_HASHES_MAX;
    }
    *ret_facts = facts;
    return TACIT_OK;
}
