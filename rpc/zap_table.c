/*  zap_table.c - see zap_table.h and zap.h. One lock for all, held for no longer than a look.  */

#include "rpc/zap_table.h"

#include <czmq.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "rpc/zap.h"

typedef struct {
    char name[TACIT_ZAP_FIELD_MAX + 1];
    uint8_t (*keys)[TACIT_CURVE_KEY_SIZE]; /* owned, ascending; NULL: every key */
    size_t count;
    bool listed; /* keys decide; else the row is free */
} s_domain_t;

/*  A connection that was announced.  */
typedef struct {
    char domain[TACIT_ZAP_DOMAIN_MAX + 1]; /* empty: the row is free */
    uint8_t name[TACIT_ZAP_EXPECTED_SIZE];
    uint8_t token[TACIT_ZAP_EXPECTED_SIZE];
    uint64_t end_ms; /* monotonic */
} s_expected_t;

/*  Kept when the handler's thread ends.  */
static struct {
    pthread_mutex_t lock;
    s_domain_t domains[TACIT_ZAP_DOMAINS_MAX];
    s_expected_t expected[TACIT_ZAP_EXPECTED_MAX];
} s_table = {.lock = PTHREAD_MUTEX_INITIALIZER};

/*  --- lists of keys --------------------------------------------------------------------------- */

static int s_compare(const void *a, const void *b)
{
    return memcmp(a, b, TACIT_CURVE_KEY_SIZE);
}

static s_domain_t *s_find(tacit_span_t name)
{
    for (size_t i = 0; i < TACIT_ZAP_DOMAINS_MAX; i++) {
        s_domain_t *domain = &s_table.domains[i];
        if (domain->listed && tacit_span_equal(name, tacit_span_string(domain->name))) {
            return domain;
        }
    }
    return NULL;
}

bool tacit_zap_key_admitted(tacit_span_t name, const uint8_t key[TACIT_CURVE_KEY_SIZE])
{
    pthread_mutex_lock(&s_table.lock);
    const s_domain_t *domain = s_find(name);
    bool admitted =
        !domain || (domain->count > 0 && bsearch(key, domain->keys, domain->count,
                                                 TACIT_CURVE_KEY_SIZE, s_compare) != NULL);
    pthread_mutex_unlock(&s_table.lock);
    return admitted;
}

static void s_forget(s_domain_t *domain)
{
    free(domain->keys);
    memset(domain, 0, sizeof *domain);
}

/*  The domain's row, or a free one; NULL where there is none.  */
static s_domain_t *s_row(const char *name)
{
    s_domain_t *found = s_find(tacit_span_string(name));
    for (size_t i = 0; !found && i < TACIT_ZAP_DOMAINS_MAX; i++) {
        found = s_table.domains[i].listed ? NULL : &s_table.domains[i];
    }
    return found;
}

static tacit_status_t s_list(const char *name, uint8_t (*keys)[TACIT_CURVE_KEY_SIZE], size_t count)
{
    s_domain_t *row = s_row(name);
    if (!row) {
        free(keys);
        return TACIT_TOO_LARGE;
    }
    s_forget(row);
    snprintf(row->name, sizeof row->name, "%s", name);
    row->keys = keys;
    row->count = count;
    row->listed = true;
    return TACIT_OK;
}

static void s_unlist(const char *name)
{
    s_domain_t *row = s_find(tacit_span_string(name));
    if (row) {
        s_forget(row);
    }
}

tacit_status_t tacit_zap_admit(const char *domain, const uint8_t (*keys)[32], size_t count)
{
    if (!domain || !*domain || strlen(domain) > TACIT_ZAP_FIELD_MAX) {
        return TACIT_BAD_INPUT;
    }
    if (count > TACIT_ZAP_KEYS_MAX) {
        return TACIT_TOO_LARGE;
    }
    uint8_t(*sorted)[TACIT_CURVE_KEY_SIZE] = NULL;
    if (keys && count > 0) {
        sorted = calloc(count, sizeof *sorted);
        if (!sorted) {
            return TACIT_NO_MEMORY;
        }
        memcpy(sorted, keys, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, s_compare);
    }
    tacit_status_t status = TACIT_OK;
    pthread_mutex_lock(&s_table.lock);
    if (keys) {
        status = s_list(domain, sorted, count);
    } else {
        s_unlist(domain);
    }
    pthread_mutex_unlock(&s_table.lock);
    return status;
}

/*  --- announcing ------------------------------------------------------------------------------ */

static uint64_t s_now(void)
{
    return (uint64_t)zclock_mono();
}

/*  Whoever knows the token comes in once.  */
bool tacit_zap_take_expected(tacit_span_t domain, const uint8_t name[TACIT_ZAP_EXPECTED_SIZE],
                             const uint8_t token[TACIT_ZAP_EXPECTED_SIZE])
{
    bool found = false;
    uint64_t now = s_now();
    pthread_mutex_lock(&s_table.lock);
    for (size_t i = 0; i < TACIT_ZAP_EXPECTED_MAX; i++) {
        s_expected_t *row = &s_table.expected[i];
        if (row->domain[0] && now < row->end_ms &&
            tacit_span_equal(domain, tacit_span_string(row->domain)) &&
            memcmp(row->name, name, sizeof row->name) == 0 &&
            sodium_memcmp(row->token, token, sizeof row->token) == 0) {
            sodium_memzero(row, sizeof *row);
            found = true;
        }
    }
    pthread_mutex_unlock(&s_table.lock);
    return found;
}

tacit_status_t tacit_zap_expect(const char *domain, const uint8_t name[TACIT_ZAP_EXPECTED_SIZE],
                                const uint8_t token[TACIT_ZAP_EXPECTED_SIZE], uint32_t within_ms)
{
    if (!domain || !*domain || strlen(domain) > TACIT_ZAP_DOMAIN_MAX) {
        return TACIT_BAD_INPUT;
    }
    uint64_t now = s_now();
    s_expected_t *row = NULL;
    pthread_mutex_lock(&s_table.lock);
    for (size_t i = 0; !row && i < TACIT_ZAP_EXPECTED_MAX; i++) {
        s_expected_t *other = &s_table.expected[i];
        row = !other->domain[0] || now >= other->end_ms ? other : NULL;
    }
    if (row) {
        snprintf(row->domain, sizeof row->domain, "%s", domain);
        memcpy(row->name, name, sizeof row->name);
        memcpy(row->token, token, sizeof row->token);
        row->end_ms = now + within_ms;
    }
    pthread_mutex_unlock(&s_table.lock);
    return row ? TACIT_OK : TACIT_BUSY;
}

void tacit_zap_forget(const char *domain, const uint8_t *name)
{
    pthread_mutex_lock(&s_table.lock);
    for (size_t i = 0; i < TACIT_ZAP_EXPECTED_MAX; i++) {
        s_expected_t *row = &s_table.expected[i];
        if (strcmp(row->domain, domain) == 0 &&
            (!name || memcmp(row->name, name, sizeof row->name) == 0)) {
            sodium_memzero(row, sizeof *row);
        }
    }
    pthread_mutex_unlock(&s_table.lock);
}
