/*  mappings.c - reading smaps: a line per mapping, then lines "Name:   value kB" on it.

    Of those lines one counts: pages of a private file mapping that were written to become
    anonymous, so that "Anonymous" above zero in a mapping of code means that the code in memory is
    not the code in the file.  */

#include "services/platform/mappings.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

static const char s_anonymous[] = "Anonymous:";

typedef struct {
    char permissions[8];
    char mapping[40]; /* "dev inode" */
    const char *path; /* in the line; may be empty */
} s_mapping_t;

typedef struct {
    const tacit_mappings_expected_t *expected;
    bool in_code; /* the last mapping is one of measured code */
    char path[TACIT_MAPPING_LINE_MAX];
    size_t count;
} s_reader_t;

static tacit_status_t s_refuse(tacit_error_t *ret_error, const char *claim, const char *expected,
                               const char *got, const char *remedy)
{
    tacit_error_claim(ret_error, TACIT_PLATFORM_REFUSED, claim, expected, got);
    tacit_error_remedy(ret_error, "%s", remedy);
    return TACIT_PLATFORM_REFUSED;
}

/*  A mapping's line begins with hexadecimal addresses, the others with a capital letter.  */
static bool s_parse_mapping(char *line, s_mapping_t *ret_mapping)
{
    char device[16];
    char inode[24];
    int path_at = 0;
    if (sscanf(line, "%*x-%*x %7s %*x %15s %23s %n", ret_mapping->permissions, device, inode,
               &path_at) != 3 ||
        path_at == 0) {
        return false;
    }
    snprintf(ret_mapping->mapping, sizeof ret_mapping->mapping, "%s %s", device, inode);
    line[strcspn(line, "\n")] = '\0';
    ret_mapping->path = line + path_at;
    return true;
}

static bool s_is_kernel_page(const s_mapping_t *mapping)
{
    return strcmp(mapping->path, "[vdso]") == 0 || strcmp(mapping->path, "[vsyscall]") == 0;
}

static tacit_status_t s_check_identity(const s_mapping_t *mapping, const tacit_file_facts_t *facts,
                                       tacit_error_t *ret_error)
{
    return strcmp(mapping->mapping, facts->mapping) == 0
               ? TACIT_OK
               : s_refuse(ret_error, "code in memory", mapping->path,
                          "another file that had this path before",
                          "start the service anew: its executable or a library was replaced");
}

static tacit_status_t s_check_library(const s_reader_t *reader, const s_mapping_t *mapping,
                                      const tacit_library_t *library, tacit_error_t *ret_error)
{
    tacit_file_facts_t facts;
    int fd = open(mapping->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    tacit_status_t status =
        fd < 0 ? TACIT_NOT_FOUND : tacit_file_hashes_get(reader->expected->hashes, fd, &facts);
    if (fd >= 0) {
        close(fd);
    }
    if (status) {
        return s_refuse(ret_error, "library", mapping->path, tacit_status_text(status),
                        "start the service anew");
    }
    if (memcmp(facts.sha256, library->sha256, sizeof facts.sha256) != 0) {
        char wanted[65];
        char found[65];
        sodium_bin2hex(wanted, sizeof wanted, library->sha256, sizeof library->sha256);
        sodium_bin2hex(found, sizeof found, facts.sha256, sizeof facts.sha256);
        s_refuse(ret_error, "library", wanted, found, "");
        tacit_error_remedy(ret_error, "%.100s changed after signing: sign the enclave anew",
                           mapping->path);
        return TACIT_PLATFORM_REFUSED;
    }
    return s_check_identity(mapping, &facts, ret_error);
}

static tacit_status_t s_check_code(s_reader_t *reader, const s_mapping_t *mapping,
                                   tacit_error_t *ret_error)
{
    const tacit_mappings_expected_t *expected = reader->expected;
    if (mapping->permissions[1] == 'w') {
        return s_refuse(ret_error, "code in memory", "not writable", mapping->path,
                        "no mapping may be writable and executable");
    }
    if (mapping->path[0] != '/') {
        return s_refuse(ret_error, "code in memory", "executable files only",
                        mapping->path[0] ? mapping->path : "anonymous executable memory",
                        "do not generate code before the platform has measured the service");
    }
    if (strcmp(mapping->path, expected->executable) == 0) {
        return s_check_identity(mapping, expected->facts, ret_error);
    }
    const tacit_library_t *library =
        tacit_enclave_configuration_find(expected->configuration, mapping->path);
    if (!library) {
        return s_refuse(ret_error, "library", "one that the enclave configuration lists",
                        mapping->path,
                        "start the service without LD_PRELOAD and LD_LIBRARY_PATH, or sign it with "
                        "this library");
    }
    return s_check_library(reader, mapping, library, ret_error);
}

static tacit_status_t s_on_mapping(s_reader_t *reader, const s_mapping_t *mapping,
                                   tacit_error_t *ret_error)
{
    reader->in_code = false;
    if (++reader->count > TACIT_MAPPINGS_MAX) {
        return s_refuse(ret_error, "mappings", "at most 16384", "more", "map less memory");
    }
    if (mapping->permissions[2] != 'x' || s_is_kernel_page(mapping)) {
        return TACIT_OK;
    }
    tacit_status_t status = s_check_code(reader, mapping, ret_error);
    reader->in_code = true;
    snprintf(reader->path, sizeof reader->path, "%s", mapping->path);
    return status;
}

static tacit_status_t s_on_line(s_reader_t *reader, char *line, tacit_error_t *ret_error)
{
    s_mapping_t mapping;
    if (s_parse_mapping(line, &mapping)) {
        return s_on_mapping(reader, &mapping, ret_error);
    }
    if (reader->in_code && !reader->expected->configuration->debug &&
        strncmp(line, s_anonymous, sizeof s_anonymous - 1) == 0 &&
        strtoul(line + sizeof s_anonymous - 1, NULL, 10) > 0) {
        return s_refuse(ret_error, "code in memory", "as in the file", reader->path,
                        "the code was altered in memory (by a debugger?): start the service anew");
    }
    return TACIT_OK;
}

tacit_status_t tacit_mappings_check(FILE *smaps, const tacit_mappings_expected_t *expected,
                                    tacit_error_t *ret_error)
{
    char line[TACIT_MAPPING_LINE_MAX];
    s_reader_t reader = {.expected = expected};
    while (fgets(line, sizeof line, smaps)) {
        if (!strchr(line, '\n')) {
            return s_refuse(ret_error, "mappings", "lines of less than 8192 bytes", "a longer one",
                            "use shorter paths");
        }
        tacit_status_t status = s_on_line(&reader, line, ret_error);
        if (status) {
            return status;
        }
    }
    if (ferror(smaps) || reader.count == 0) {
        return s_refuse(ret_error, "mappings", "a readable list", "none",
                        "the service must not be sealed before it is measured");
    }
    return TACIT_OK;
}
