/*  npz.c - of ZIP only the directory at the end is believed, and what it says of stored entries;
    sizes are those of the classic format, below 4 GiB.

    Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT  */

#include "clients/lib/npz.h"

#include <string.h>

enum {
    S_END_SIZE = 22,        /* of the record that ends the archive, without its comment */
    S_COMMENT_MAX = 0xffff, /* of that */
    S_END = 0x06054b50,     /* signatures */
    S_ENTRY = 0x02014b50,
    S_LOCAL = 0x04034b50,
    S_LOCAL_SIZE = 30,   /* of the header before an entry, without name and extra */
    S_STORED = 0,        /* method: as it is */
    S_ENCRYPTED = 1 << 0 /* flag */
};

static const uint64_t s_wide = 0xffffffffU; /* the size stands elsewhere: it is 4 GiB or more */

/*  An entry of the directory.  */
typedef struct {
    tacit_span_t name;
    unsigned flags, method;
    uint64_t stored, size,
        local; /* bytes in the archive and of the file; where its header stands */
} s_entry_t;

static tacit_status_t s_malformed(tacit_error_t *error)
{
    return tacit_error_set(error, TACIT_MALFORMED, "not an .npz archive, or a damaged one");
}

/*  The directory, and how many entries it has.  */
static bool s_directory(tacit_span_t archive, tacit_cursor_t *ret_entries, size_t *ret_count)
{
    for (size_t back = S_END_SIZE; back <= archive.size && back <= S_END_SIZE + S_COMMENT_MAX;
         back++) {
        tacit_cursor_t end = tacit_cursor(tacit_span(archive.data + archive.size - back, back));
        if (tacit_cursor_little(&end, 4) != S_END) {
            continue;
        }
        (void)tacit_cursor_take(&end, 6);
        size_t count = (size_t)tacit_cursor_little(&end, 2);
        uint64_t size = tacit_cursor_little(&end, 4);
        uint64_t from = tacit_cursor_little(&end, 4);
        if (end.failed || from > archive.size || size > archive.size - from) {
            return false;
        }
        *ret_entries = tacit_cursor(tacit_span(archive.data + from, (size_t)size));
        *ret_count = count;
        return true;
    }
    return false;
}

static bool s_next(tacit_cursor_t *entries, s_entry_t *ret_entry)
{
    s_entry_t entry = {.flags = 0};
    bool is_entry = tacit_cursor_little(entries, 4) == S_ENTRY;
    (void)tacit_cursor_take(entries, 4); /* versions */
    entry.flags = (unsigned)tacit_cursor_little(entries, 2);
    entry.method = (unsigned)tacit_cursor_little(entries, 2);
    (void)tacit_cursor_take(entries, 8); /* time, date, checksum */
    entry.stored = tacit_cursor_little(entries, 4);
    entry.size = tacit_cursor_little(entries, 4);
    size_t name = (size_t)tacit_cursor_little(entries, 2);
    size_t more = (size_t)tacit_cursor_little(entries, 2);
    more += (size_t)tacit_cursor_little(entries, 2);
    (void)tacit_cursor_take(entries, 8); /* disk, attributes */
    entry.local = tacit_cursor_little(entries, 4);
    entry.name = tacit_cursor_take(entries, name);
    (void)tacit_cursor_take(entries, more);
    *ret_entry = entry;
    return is_entry && !entries->failed;
}

/*  The bytes of a stored entry.  */
static tacit_status_t s_content(tacit_span_t archive, const s_entry_t *entry,
                                tacit_span_t *ret_file, tacit_error_t *error)
{
    if (entry->method != S_STORED || (entry->flags & S_ENCRYPTED) != 0) {
        (void)tacit_error_set(error, TACIT_UNSUPPORTED, "the archive is compressed");
        tacit_error_remedy(error, "save it with numpy.savez, which does not compress");
        return TACIT_UNSUPPORTED;
    }
    if (entry->stored == s_wide || entry->size == s_wide || entry->local == s_wide) {
        return tacit_error_set(error, TACIT_TOO_LARGE, "an array of the archive has 4 GiB or more");
    }
    if (entry->local > archive.size || entry->size != entry->stored) {
        return s_malformed(error);
    }
    tacit_cursor_t local =
        tacit_cursor(tacit_span(archive.data + entry->local, archive.size - (size_t)entry->local));
    bool is_local = tacit_cursor_little(&local, 4) == S_LOCAL;
    (void)tacit_cursor_take(&local, S_LOCAL_SIZE - 8);
    size_t skipped = (size_t)tacit_cursor_little(&local, 2);
    skipped += (size_t)tacit_cursor_little(&local, 2);
    (void)tacit_cursor_take(&local, skipped);
    tacit_span_t file = tacit_cursor_take(&local, (size_t)entry->size);
    if (!is_local || local.failed) {
        return s_malformed(error);
    }
    *ret_file = file;
    return TACIT_OK;
}

static bool s_is_named(tacit_span_t entry, const char *name)
{
    static const char suffix[] = ".npy";
    size_t size = strlen(name);
    return entry.size == size + sizeof suffix - 1 && memcmp(entry.data, name, size) == 0 &&
           memcmp(entry.data + size, suffix, sizeof suffix - 1) == 0;
}

tacit_status_t tacit_npz_find(tacit_span_t archive, const char *name, tacit_span_t *ret_file,
                              tacit_error_t *ret_error)
{
    tacit_cursor_t entries;
    size_t count = 0;
    if (!s_directory(archive, &entries, &count)) {
        return s_malformed(ret_error);
    }
    if (count > TACIT_NPZ_ENTRIES_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "the archive has more than %d arrays",
                               TACIT_NPZ_ENTRIES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        s_entry_t entry;
        if (!s_next(&entries, &entry)) {
            return s_malformed(ret_error);
        }
        if (count == 1 || (name != NULL && s_is_named(entry.name, name))) {
            return s_content(archive, &entry, ret_file, ret_error);
        }
    }
    return name != NULL
               ? tacit_error_set(ret_error, TACIT_BAD_INPUT, "it has no array named '%.60s'", name)
               : tacit_error_set(ret_error, TACIT_BAD_INPUT, "it has %zu arrays, not one", count);
}
