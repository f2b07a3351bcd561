/*  isolation.c - names of levels and backends, and which go together.  */

#include "enclave/isolation.h"

#include <stddef.h>
#include <string.h>

static const char *const s_isolations[] = {"none", "standard", "strict"};
static const char *const s_backends[] = {"none", "onednn", "portable"};

enum {
    S_ISOLATIONS = sizeof s_isolations / sizeof *s_isolations,
    S_BACKENDS = sizeof s_backends / sizeof *s_backends
};

/*  The position of a name, from 1 on; 0 where it is none.  */
static size_t s_position(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return 0;
}

const char *tacit_isolation_name(tacit_isolation_t isolation)
{
    return s_isolations[(size_t)isolation < S_ISOLATIONS ? (size_t)isolation : 0];
}

const char *tacit_backend_name(tacit_backend_t backend)
{
    return s_backends[(size_t)backend < S_BACKENDS ? (size_t)backend : 0];
}

tacit_isolation_t tacit_isolation_from_name(const char *name)
{
    return (tacit_isolation_t)s_position(s_isolations, S_ISOLATIONS, name);
}

tacit_backend_t tacit_backend_from_name(const char *name)
{
    return (tacit_backend_t)s_position(s_backends, S_BACKENDS, name);
}

tacit_backend_t tacit_isolation_backend(tacit_isolation_t isolation)
{
    return isolation == TACIT_ISOLATION_STRICT ? TACIT_BACKEND_PORTABLE : TACIT_BACKEND_ONEDNN;
}

bool tacit_isolation_allows(tacit_isolation_t isolation, tacit_backend_t backend)
{
    if (isolation == TACIT_ISOLATION_NONE || backend == TACIT_BACKEND_NONE) {
        return false;
    }
    return isolation == TACIT_ISOLATION_STANDARD || backend == TACIT_BACKEND_PORTABLE;
}
