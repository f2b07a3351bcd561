/*  state_folder.h - for tests of what is stored: a folder of one's own, and the host's ways with
   it: copies put back, SQL by hand, files cut short, a disk that is full.  */

#ifndef TACIT_TESTS_STATE_FOLDER_H
#define TACIT_TESTS_STATE_FOLDER_H

#include <stddef.h>
#include <stdint.h>

enum { STATE_FOLDER_MAX = 64, STATE_PATH_MAX = 256 };

/*  An empty folder below /tmp, and its end with everything in it.  */
void state_folder_make(char ret_folder[STATE_FOLDER_MAX]);
void state_folder_remove(const char *folder);

/*  For cmocka: one for each test.  */
extern char state_folder[STATE_FOLDER_MAX];
int state_folder_setup(void **state);
int state_folder_teardown(void **state);

/*  FOLDER/NAME, in one of a few static buffers.  */
const char *state_path(const char *folder, const char *name);

/*  A database with its -wal; what there is at the target goes.  */
void state_copy_database(const char *from, const char *to);

/*  Run SQL as the host would; nobody may have the database open.  */
void state_sql(const char *path, const char *sql);

/*  Number of files in a folder whose name ends so; "" counts all.  */
size_t state_count_files(const char *folder, const char *end);

/*  Write bytes at an offset of a file, cut it to a size, its size.  */
void state_write(const char *path, size_t offset, const void *bytes, size_t size);
void state_truncate(const char *path, size_t size);
size_t state_size(const char *path);

/*  No file grows beyond so many bytes, as on a full disk; then again without a limit.  */
void state_disk_full(size_t bytes);
void state_disk_free(void);

#endif
