/*  method_table.c - one sorted array over all services of an endpoint.  */

#include "rpc/method_table.h"

#include <stdlib.h>

static int s_compare_text(tacit_span_t a, tacit_span_t b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.data, b.data, size) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int s_compare(const void *a, const void *b)
{
    const tacit_entry_t *one = a;
    const tacit_entry_t *other = b;
    return s_compare_text(tacit_span_string(one->method->name),
                          tacit_span_string(other->method->name));
}

static int s_compare_name(const void *name, const void *entry)
{
    return s_compare_text(*(const tacit_span_t *)name,
                          tacit_span_string(((const tacit_entry_t *)entry)->method->name));
}

const tacit_entry_t *tacit_method_table_find(const tacit_method_table_t *table, tacit_span_t name)
{
    return table->count == 0 ? NULL
                             : bsearch(&name, table->entries, table->count, sizeof *table->entries,
                                       s_compare_name);
}

/*  Old and new entries in one sorted array, or NULL (without memory).  */
static tacit_entry_t *s_merge(const tacit_method_table_t *table, const tacit_service_t *service,
                              const tacit_builtin_t *builtin, const void *handlers, void *self)
{
    size_t count = table->count + service->method_count + TACIT_BUILTIN_METHODS;
    tacit_entry_t *entries = calloc(count, sizeof *entries);
    if (!entries) {
        return NULL;
    }
    if (table->count > 0) {
        memcpy(entries, table->entries, table->count * sizeof *entries);
    }
    tacit_entry_t *next = entries + table->count;
    for (size_t i = 0; i < service->method_count; i++) {
        *next++ = (tacit_entry_t){&service->methods[i], service, handlers, self, NULL, NULL};
    }
    for (size_t i = 0; i < TACIT_BUILTIN_METHODS; i++) {
        *next++ = (tacit_entry_t){&builtin->methods[i], service, NULL, (void *)service, NULL, NULL};
    }
    qsort(entries, count, sizeof *entries, s_compare);
    return entries;
}

static bool s_is_limited(const tacit_method_t *method)
{
    return method->blocking || method->limit.all > 0 || method->limit.per_caller > 0;
}

/*  What is counted of each method that has nothing yet, and the gates of those that have limits. */
static void s_equip(tacit_entry_t *entries, size_t count, tacit_method_metrics_t *metrics,
                    tacit_gate_t *gates)
{
    for (tacit_entry_t *entry = entries; entry < entries + count; entry++) {
        const tacit_method_t *method = entry->method;
        if (entry->metrics) {
            continue;
        }
        entry->metrics = metrics++;
        *entry->metrics = (tacit_method_metrics_t){.name = method->name, .service = entry->service};
        if (s_is_limited(method)) {
            entry->gate = gates++;
            *entry->gate = (tacit_gate_t){
                .limit = method->limit, .queue = method->queue, .pooled = method->blocking};
            entry->metrics->turns = &entry->gate->turns;
        }
    }
}

static bool s_names_unique(const tacit_entry_t *entries, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (s_compare(&entries[i - 1], &entries[i]) == 0) {
            return false;
        }
    }
    return true;
}

tacit_status_t tacit_method_table_add(tacit_method_table_t *table, const tacit_service_t *service,
                                      const void *handlers, void *self)
{
    if (table->services == TACIT_SERVICES_MAX) {
        return TACIT_TOO_LARGE;
    }
    size_t added = service->method_count + TACIT_BUILTIN_METHODS;
    size_t count = table->count + added;
    tacit_builtin_t *builtin = calloc(1, sizeof *builtin);
    tacit_method_metrics_t *metrics = calloc(added, sizeof *metrics);
    tacit_gate_t *gates = calloc(added, sizeof *gates);
    tacit_entry_t *entries = NULL;
    tacit_status_t status =
        builtin && metrics && gates ? tacit_builtin_init(builtin, service->name) : TACIT_NO_MEMORY;
    if (status == TACIT_OK) {
        entries = s_merge(table, service, builtin, handlers, self);
        status = entries ? TACIT_OK : TACIT_NO_MEMORY;
    }
    if (status == TACIT_OK && !s_names_unique(entries, count)) {
        status = TACIT_ALREADY_EXISTS;
    }
    if (status != TACIT_OK) {
        free(entries);
        free(gates);
        free(metrics);
        free(builtin);
        return status;
    }
    s_equip(entries, count, metrics, gates);
    free(table->entries);
    table->entries = entries;
    table->count = count;
    table->metrics[table->services] = metrics;
    table->gates[table->services] = gates;
    table->builtins[table->services++] = builtin;
    return TACIT_OK;
}

void tacit_method_table_clear(tacit_method_table_t *table)
{
    for (size_t i = 0; i < table->services; i++) {
        free(table->builtins[i]);
        free(table->metrics[i]);
        free(table->gates[i]);
    }
    free(table->entries);
    memset(table, 0, sizeof *table);
}
