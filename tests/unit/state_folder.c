/*  state_folder.c - files and SQLite, asserting all the way.  */

#include "state_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { S_PATHS = 8, S_BUFFER = 64 * 1024 };

char state_folder[STATE_FOLDER_MAX];

int state_folder_setup(void **state)
{
    (void)state;
    state_folder_make(state_folder);
    return 0;
}

int state_folder_teardown(void **state)
{
    (void)state;
    state_folder_remove(state_folder);
    return 0;
}

void state_folder_make(char ret_folder[STATE_FOLDER_MAX])
{
    snprintf(ret_folder, STATE_FOLDER_MAX, "/tmp/tacit-state-XXXXXX");
    assert_non_null(mkdtemp(ret_folder));
}

static int s_remove(const char *path, const struct stat *facts, int type, struct FTW *where)
{
    (void)facts;
    (void)type;
    (void)where;
    return remove(path);
}

void state_folder_remove(const char *folder)
{
    assert_int_equal(nftw(folder, s_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

const char *state_path(const char *folder, const char *name)
{
    static char paths[S_PATHS][STATE_PATH_MAX];
    static size_t next;
    char *path = paths[next++ % S_PATHS];
    snprintf(path, STATE_PATH_MAX, "%s/%s", folder, name);
    return path;
}

static void s_copy(const char *from, const char *to)
{
    static char buffer[S_BUFFER];
    FILE *in = fopen(from, "rbe");
    FILE *out = fopen(to, "wbe");
    size_t count = 0;
    assert_non_null(in);
    assert_non_null(out);
    while ((count = fread(buffer, 1, sizeof buffer, in)) > 0) {
        assert_int_equal(fwrite(buffer, 1, count, out), count);
    }
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
}

void state_copy_database(const char *from, const char *to)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char source[STATE_PATH_MAX];
        char target[STATE_PATH_MAX];
        snprintf(source, sizeof source, "%s%s", from, suffixes[i]);
        snprintf(target, sizeof target, "%s%s", to, suffixes[i]);
        (void)unlink(target);
        if (i < 2 && access(source, F_OK) == 0) {
            s_copy(source, target);
        }
    }
}

void state_sql(const char *path, const char *sql)
{
    sqlite3 *handle = NULL;
    char *error = NULL;
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    if (sqlite3_exec(handle, sql, NULL, NULL, &error) != SQLITE_OK) {
        fail_msg("%s: %s", sql, error);
    }
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

static bool s_ends(const char *name, const char *end)
{
    size_t length = strlen(name);
    size_t tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

size_t state_count_files(const char *folder, const char *end)
{
    size_t count = 0;
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        count += entry->d_name[0] != '.' && s_ends(entry->d_name, end);
    }
    closedir(entries);
    return count;
}

void state_write(const char *path, size_t offset, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, (off_t)offset), (ssize_t)size);
    close(fd);
}

void state_truncate(const char *path, size_t size)
{
    assert_int_equal(truncate(path, (off_t)size), 0);
}

size_t state_size(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 ? (size_t)facts.st_size : 0;
}

static void s_limit(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

void state_disk_full(size_t bytes)
{
    signal(SIGXFSZ, SIG_IGN); /* an error of write rather than the end */
    s_limit(bytes);
}

void state_disk_free(void)
{
    s_limit(RLIM_INFINITY);
}
