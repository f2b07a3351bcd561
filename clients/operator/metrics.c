/*  metrics.c - tacit-operator metrics: what every service counted, as one OpenMetrics text.

    Each service's text has the same families; here each family stands once, and every sample says
    which service it is of. The texts are foreign: a line that is not of the form we know ends in
    an error, so that nothing else reaches a terminal or a scraper.  */

#include <jansson.h>
#include <stdlib.h>

#include "clients/lib/user.h"
#include "clients/operator/commands.h"
#include "clients/operator/control.h"
#include "rpc/builtin.h"

enum { S_SERVICES = 5, S_LINE_MAX = 512 };

typedef struct {
    const char *service;
    char *text; /* owned; whole lines */
} s_page_t;

typedef struct {
    tacit_span_t name;
    tacit_span_t labels; /* between the braces; empty where there are none */
    tacit_span_t value;
} s_sample_t;

/*  --- reading --------------------------------------------------------------------------------- */

/*  The next line without its end; false at the text's end.  */
static bool s_next_line(const char **at, tacit_span_t *ret_line)
{
    const char *end = strchr(*at, '\n');
    if (!end) {
        return false;
    }
    *ret_line = tacit_span(*at, (size_t)(end - *at));
    *at = end + 1;
    return true;
}

static tacit_span_t s_until(tacit_span_t text, const char *stops)
{
    size_t size = 0;
    while (size < text.size && !strchr(stops, text.data[size])) {
        size++;
    }
    return tacit_span(text.data, size);
}

static bool s_starts(tacit_span_t line, const char *prefix)
{
    size_t size = strlen(prefix);
    return line.size >= size && memcmp(line.data, prefix, size) == 0;
}

/*  name{labels} value, or name value.  */
static bool s_parse_sample(tacit_span_t line, s_sample_t *ret_sample)
{
    s_sample_t sample = {.name = s_until(line, "{ ")};
    const uint8_t *at = line.data + sample.name.size;
    const uint8_t *end = line.data + line.size;
    if (at < end && *at == '{') {
        sample.labels = s_until(tacit_span(at + 1, (size_t)(end - at - 1)), "}");
        at += sample.labels.size + 2;
    }
    if (sample.name.size == 0 || at + 1 >= end || *at != ' ') {
        return false;
    }
    sample.value = tacit_span(at + 1, (size_t)(end - at - 1));
    size_t digits = 0;
    while (digits < sample.value.size && strchr("0123456789.", sample.value.data[digits])) {
        digits++;
    }
    *ret_sample = sample;
    return digits == sample.value.size;
}

static bool s_line_is_good(tacit_span_t line)
{
    s_sample_t sample;
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] < 0x20 || line.data[i] > 0x7e || line.data[i] == '\\') {
            return false;
        }
    }
    return line.size < S_LINE_MAX && (s_starts(line, "# ") || s_parse_sample(line, &sample));
}

static tacit_status_t s_take_text(const char *service, tacit_span_t text, s_page_t *ret_page,
                                  tacit_error_t *ret_error)
{
    char *copy = malloc(text.size + 1);
    if (!copy) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    const char *at = copy;
    tacit_span_t line;
    while (s_next_line(&at, &line) && s_line_is_good(line)) {
    }
    if (at != copy + text.size) {
        free(copy);
        return tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR,
                               "the metrics of %s are not of the form that is known", service);
    }
    *ret_page = (s_page_t){service, copy};
    return TACIT_OK;
}

static tacit_status_t s_ask(tacit_client_t *client, const char *service, s_page_t *ret_page,
                            tacit_error_t *ret_error)
{
    tacit_builtin_t builtin;
    tacit_builtin_args_t args = {0};
    tacit_metrics_result_t result;
    tacit_status_t status = tacit_builtin_init(&builtin, service);
    if (!status) {
        status = tacit_client_call(client, &builtin.methods[TACIT_BUILTIN_METRICS], &args,
                                   tacit_span(NULL, 0), 0, &result, NULL, ret_error);
    }
    return status ? status : s_take_text(service, result.text, ret_page, ret_error);
}

/*  --- writing --------------------------------------------------------------------------------- */

/*  Of a line "# TYPE name type".  */
static bool s_family(tacit_span_t line, tacit_span_t *ret_name)
{
    static const char head[] = "# TYPE ";
    size_t size = sizeof head - 1;
    if (!s_starts(line, head)) {
        return false;
    }
    *ret_name = s_until(tacit_span(line.data + size, line.size - size), " ");
    return true;
}

/*  Where that family starts in a page's text, or NULL.  */
static const char *s_find_family(const s_page_t *page, tacit_span_t name)
{
    const char *at = page->text;
    const char *start = at;
    tacit_span_t line;
    tacit_span_t other;
    while (s_next_line(&at, &line)) {
        if (s_family(line, &other) && tacit_span_equal(other, name)) {
            return start;
        }
        start = at;
    }
    return NULL;
}

static void s_print_sample(const char *service, const s_sample_t *sample)
{
    printf("%.*s{service=\"%s\"%s%.*s} %.*s\n", (int)sample->name.size,
           (const char *)sample->name.data, service, sample->labels.size ? "," : "",
           (int)sample->labels.size, (const char *)sample->labels.data, (int)sample->value.size,
           (const char *)sample->value.data);
}

/*  The family's samples, and its head if with_head.  */
static void s_print_family(const s_page_t *page, tacit_span_t name, bool with_head)
{
    const char *at = s_find_family(page, name);
    tacit_span_t line;
    tacit_span_t other;
    bool first = true;
    while (at && s_next_line(&at, &line) && (first || !s_family(line, &other))) {
        s_sample_t sample;
        if (s_starts(line, "# ")) {
            if (with_head && !s_starts(line, "# EOF")) {
                printf("%.*s\n", (int)line.size, (const char *)line.data);
            }
        } else if (s_parse_sample(line, &sample)) {
            s_print_sample(page->service, &sample);
        }
        first = false;
    }
}

static bool s_seen(const s_page_t *pages, size_t count, tacit_span_t name)
{
    for (size_t i = 0; i < count; i++) {
        if (s_find_family(&pages[i], name)) {
            return true;
        }
    }
    return false;
}

static void s_print(const s_page_t *pages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *at = pages[i].text;
        tacit_span_t line;
        tacit_span_t name;
        while (s_next_line(&at, &line)) {
            if (!s_family(line, &name) || s_seen(pages, i, name)) {
                continue;
            }
            for (size_t j = i; j < count; j++) {
                s_print_family(&pages[j], name, j == i);
            }
        }
    }
    printf("# EOF\n");
}

/*  name="value",name="value" as an object; nothing in a value is escaped.  */
static json_t *s_labels_json(tacit_span_t labels)
{
    json_t *object = json_object();
    while (labels.size > 0) {
        tacit_span_t name = s_until(labels, "=");
        size_t from = name.size + 2;
        if (from > labels.size) {
            break;
        }
        tacit_span_t value = s_until(tacit_span(labels.data + from, labels.size - from), "\"");
        json_object_setn_new(object, (const char *)name.data, name.size,
                             json_stringn((const char *)value.data, value.size));
        size_t used = from + value.size + 2; /* its quote and a comma */
        used = used < labels.size ? used : labels.size;
        labels = tacit_span(labels.data + used, labels.size - used);
    }
    return object;
}

static void s_add_samples(json_t *array, const s_page_t *page)
{
    const char *at = page->text;
    tacit_span_t line;
    while (s_next_line(&at, &line)) {
        s_sample_t sample;
        if (s_starts(line, "# ") || !s_parse_sample(line, &sample)) {
            continue;
        }
        json_t *value =
            json_loadb((const char *)sample.value.data, sample.value.size, JSON_DECODE_ANY, NULL);
        json_array_append_new(array, json_pack("{s:s, s:s#, s:o, s:o}", "service", page->service,
                                               "name", sample.name.data, (int)sample.name.size,
                                               "labels", s_labels_json(sample.labels), "value",
                                               value ? value : json_null()));
    }
}

static void s_print_json(const s_page_t *pages, size_t count)
{
    json_t *samples = json_array();
    for (size_t i = 0; i < count; i++) {
        s_add_samples(samples, &pages[i]);
    }
    json_t *object = json_pack("{s:o}", "samples", samples);
    json_dumpf(object, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(object);
}

/*  --- the services ---------------------------------------------------------------------------- */

static const struct {
    const char *service;
    tacit_role_t role;
} s_services[S_SERVICES - 1] = {
    {"attestation", TACIT_ROLE_ATTESTATION},
    {"inference", TACIT_ROLE_GATEWAY},
    {"keys", TACIT_ROLE_KEYS},
    {"models", TACIT_ROLE_MODELS},
};

static bool s_wanted(const tacit_invocation_t *invocation, const char *service)
{
    return invocation->operand_count == 0 || strcmp(invocation->operands[0], service) == 0;
}

static tacit_status_t s_collect_mesh(const tacit_invocation_t *invocation,
                                     const tacit_identity_t *identity, s_page_t *pages,
                                     size_t *count, tacit_error_t *ret_error)
{
    tacit_mesh_t *mesh = NULL;
    tacit_status_t status =
        tacit_control_mesh(invocation, identity, TACIT_CONTROL_PATIENCE_MS, &mesh, ret_error);
    for (size_t i = 0; i < S_SERVICES - 1 && !status; i++) {
        if (!s_wanted(invocation, s_services[i].service)) {
            continue;
        }
        bool known = s_services[i].role == TACIT_ROLE_ATTESTATION;
        tacit_client_t *client = NULL;
        if (!known) {
            status = tacit_mesh_connect(mesh, s_services[i].role, &client, ret_error);
        }
        if (!status) {
            status = s_ask(known ? tacit_mesh_attestation(mesh) : client, s_services[i].service,
                           &pages[*count], ret_error);
            *count += !status;
        }
        tacit_client_destroy(&client);
    }
    tacit_mesh_destroy(&mesh);
    return status;
}

static tacit_status_t s_collect(const tacit_invocation_t *invocation,
                                const tacit_identity_t *identity, s_page_t *pages, size_t *count,
                                tacit_error_t *ret_error)
{
    bool only_mesh = invocation->operand_count == 1 && s_wanted(invocation, "mesh");
    tacit_status_t status =
        only_mesh ? TACIT_OK : s_collect_mesh(invocation, identity, pages, count, ret_error);
    if (status || !s_wanted(invocation, "mesh")) {
        return status;
    }
    tacit_client_t *supervisor = NULL;
    status = tacit_control_connect(invocation, identity, &supervisor, ret_error);
    if (!status) {
        status = s_ask(supervisor, "mesh", &pages[*count], ret_error);
        *count += !status;
    }
    tacit_client_destroy(&supervisor);
    return status;
}

static tacit_status_t s_check_operand(const tacit_invocation_t *invocation,
                                      tacit_error_t *ret_error)
{
    bool known = s_wanted(invocation, "mesh");
    for (size_t i = 0; i < S_SERVICES - 1; i++) {
        known = known || s_wanted(invocation, s_services[i].service);
    }
    return known ? TACIT_OK
                 : tacit_error_claim(ret_error, TACIT_BAD_INPUT, "service",
                                     "attestation, inference, keys, mesh or models",
                                     invocation->operands[0]);
}

tacit_status_t tacit_command_metrics(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    s_page_t pages[S_SERVICES] = {{0}};
    size_t count = 0;
    tacit_identity_t *identity = NULL;
    tacit_status_t status = s_check_operand(invocation, ret_error);
    if (!status) {
        status = tacit_user_identity(invocation, &identity, ret_error);
    }
    if (!status) {
        status = s_collect(invocation, identity, pages, &count, ret_error);
    }
    if (!status && invocation->json) {
        s_print_json(pages, count);
    } else if (!status) {
        s_print(pages, count);
    }
    for (size_t i = 0; i < count; i++) {
        free(pages[i].text);
    }
    tacit_identity_destroy(&identity);
    return status;
}
