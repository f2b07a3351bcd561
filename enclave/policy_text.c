/*  policy_text.c - from a policy's texts to its rules: every scalar read strictly.  */

#include "enclave/policy_text.h"

#include "enclave/policy_document.h"

#include <sodium.h>
#include <stdio.h>

enum { S_FORMAT = 1 }; /* of `policy:` */

/*  The document and where it came from, for refusals that name the line.  */
typedef struct s_reading {
    tacit_span_t text;
    const tacit_policy_document_t *document;
    tacit_policy_rules_t *rules;
    tacit_error_t *error;
} s_reading_t;

/*  needle: a text whose line is at fault, NULL where no line is.  */
static tacit_status_t s_refuse(const s_reading_t *reading, const char *claim, const char *expected,
                               const char *needle)
{
    char line[TACIT_ERROR_VALUE_MAX] = "";
    if (needle) {
        (void)tacit_policy_line(reading->text, needle, 1, line, sizeof line);
    }
    tacit_error_t *error = reading->error;
    tacit_error_claim(error, TACIT_POLICY_REFUSED, claim, expected, needle ? needle : "");
    if (error) {
        snprintf(error->message, sizeof error->message, "the policy says something else of %s",
                 claim);
    }
    tacit_error_policy(error, "%s", line);
    tacit_error_remedy(error, "correct the policy text (docs/policy.md) and sign it again");
    return TACIT_POLICY_REFUSED;
}

/*  Decimal digits alone, no leading zero.  */
static bool s_number(const char *text, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (!text[0] || (text[0] == '0' && text[1])) {
        return false;
    }
    for (const char *digit = text; *digit; digit++) {
        uint64_t value = (uint64_t)(*digit - '0');
        if (*digit < '0' || *digit > '9' || number > (UINT64_MAX - value) / 10) {
            return false;
        }
        number = number * 10 + value;
    }
    if (number > max) {
        return false;
    }
    *ret_number = number;
    return true;
}

/*  Lowercase hex of exactly size bytes.  */
static bool s_hex(const char *text, uint8_t *ret_bytes, size_t size)
{
    return strlen(text) == 2 * size && strspn(text, "0123456789abcdef") == 2 * size &&
           sodium_hex2bin(ret_bytes, size, text, 2 * size, NULL, NULL, NULL) == 0;
}

static bool s_zero(const uint8_t bytes[32])
{
    return sodium_is_zero(bytes, 32) == 1;
}

static tacit_status_t s_read_head(const s_reading_t *reading)
{
    const tacit_policy_document_t *document = reading->document;
    tacit_policy_rules_t *rules = reading->rules;
    uint64_t format = 0;
    if (!s_number(document->policy, S_FORMAT, &format) || format != S_FORMAT) {
        return s_refuse(reading, "policy", "1", document->policy);
    }
    if (!s_number(document->number, UINT64_MAX, &rules->number) || rules->number < 1) {
        return s_refuse(reading, "number", "a number from 1", document->number);
    }
    if (!s_hex(document->previous, rules->previous, 32)) {
        return s_refuse(reading, "previous", "64 lowercase hex digits", document->previous);
    }
    if ((rules->number == 1) != s_zero(rules->previous)) {
        return s_refuse(reading, "previous", "zeroes for number 1, a head for every other",
                        document->previous);
    }
    return TACIT_OK;
}

static tacit_status_t s_read_roots(const s_reading_t *reading)
{
    tacit_policy_rules_t *rules = reading->rules;
    for (unsigned i = 0; i < reading->document->roots_count; i++) {
        const tacit_policy_root_text_t *from = &reading->document->roots[i];
        tacit_policy_root_t *to = &rules->roots[rules->root_count++];
        to->simulated = from->simulated != 0;
        if (!s_hex(from->sha256, to->sha256, sizeof to->sha256)) {
            return s_refuse(reading, "roots.sha256", "64 lowercase hex digits", from->sha256);
        }
    }
    return TACIT_OK;
}

/*  A way to name code or signer: the kind's own registers, all of them, and no others.  */
typedef struct s_form {
    tacit_tee_t tee;
    bool by_signer;
} s_form_t;

static const s_form_t s_forms[] = {
    {TACIT_TEE_SGX, false}, {TACIT_TEE_SGX, true},    {TACIT_TEE_TDX, false},
    {TACIT_TEE_TDX, true},  {TACIT_TEE_NITRO, false}, {TACIT_TEE_NITRO, true},
};

/*  What an entry says of one register of a form; NULL where the form has no more.  */
static const char *s_named(const tacit_policy_enclave_text_t *from, const s_form_t *form,
                           size_t place)
{
    if (form->tee == TACIT_TEE_SGX) {
        return place > 0 ? NULL : form->by_signer ? from->mrsigner : from->mrenclave;
    }
    if (!tacit_tee_register_name(form->tee, form->by_signer, place)) {
        return NULL;
    }
    if (form->tee == TACIT_TEE_TDX) {
        return form->by_signer ? from->mrowner : place == 0 ? from->mrtd : from->rtmr[place - 1];
    }
    return form->by_signer ? from->pcr8 : from->pcr[place];
}

/*  The form that an entry uses; NULL where it uses none, or several.  */
static const s_form_t *s_find_form(const tacit_policy_enclave_text_t *from)
{
    const s_form_t *found = NULL;
    for (size_t i = 0; i < sizeof s_forms / sizeof *s_forms; i++) {
        const char *text = NULL;
        bool used = false;
        for (size_t place = 0; (text = s_named(from, &s_forms[i], place)); place++) {
            used = used || text[0];
        }
        if (used && found) {
            return NULL;
        }
        found = used ? &s_forms[i] : found;
    }
    return found;
}

static tacit_status_t s_read_version(const s_reading_t *reading,
                                     const tacit_policy_enclave_text_t *from, const char *needle,
                                     tacit_policy_enclave_t *to)
{
    uint64_t number = 0;
    if (!s_number(from->product, UINT16_MAX, &number) || number != (uint64_t)to->role) {
        return s_refuse(reading, "enclaves.product", "the number of the role, with a signer",
                        needle);
    }
    if (!s_number(from->minimum_svn, UINT16_MAX, &number)) {
        return s_refuse(reading, "enclaves.minimum_svn", "0..65535, with a signer", needle);
    }
    to->minimum_svn = (uint16_t)number;
    return TACIT_OK;
}

static tacit_status_t s_read_registers(const s_reading_t *reading,
                                       const tacit_policy_enclave_text_t *from,
                                       const s_form_t *form, tacit_policy_enclave_t *to)
{
    const char *text = NULL;
    for (size_t place = 0; (text = s_named(from, form, place)); place++) {
        if (!s_hex(text, to->registers.values[place], TACIT_REGISTER_SIZE)) {
            char claim[TACIT_ERROR_CLAIM_MAX];
            snprintf(claim, sizeof claim, "enclaves.%s",
                     tacit_tee_register_name(form->tee, form->by_signer, place));
            return s_refuse(reading, claim, "96 lowercase hex digits", text[0] ? text : from->role);
        }
    }
    if (form->by_signer) {
        tacit_tee_signer(form->tee, to->registers.values[0], to->measurement);
    } else {
        tacit_tee_measurement(form->tee, &to->registers, to->measurement);
    }
    return TACIT_OK;
}

static tacit_status_t s_read_measurement(const s_reading_t *reading,
                                         const tacit_policy_enclave_text_t *from,
                                         const s_form_t *form, tacit_policy_enclave_t *to)
{
    const char *text = s_named(from, form, 0);
    if (form->tee != TACIT_TEE_SGX) {
        return s_read_registers(reading, from, form, to);
    }
    return s_hex(text, to->measurement, sizeof to->measurement)
               ? TACIT_OK
               : s_refuse(reading, form->by_signer ? "enclaves.mrsigner" : "enclaves.mrenclave",
                          "64 lowercase hex digits", text);
}

static tacit_status_t s_read_enclave(const s_reading_t *reading,
                                     const tacit_policy_enclave_text_t *from,
                                     tacit_policy_enclave_t *to)
{
    to->role = tacit_role_from_name(from->role);
    to->debug_allowed = from->debug != 0;
    if (!tacit_role_is_enclave(to->role)) {
        return s_refuse(reading, "enclaves.role", "attestation, keys, models, gateway or worker",
                        from->role);
    }
    const s_form_t *form = s_find_form(from);
    if (!form || (!form->by_signer && (from->product[0] || from->minimum_svn[0]))) {
        return s_refuse(reading, "enclaves",
                        "either mrenclave (or mrtd with rtmr0 to rtmr3, or pcr0 to pcr2), or "
                        "mrsigner (or mrowner, or pcr8) with product and minimum_svn",
                        from->role);
    }
    to->tee = form->tee;
    to->by_signer = form->by_signer;
    tacit_status_t status = s_read_measurement(reading, from, form, to);
    if (status == TACIT_OK && form->by_signer) {
        status = s_read_version(reading, from, s_named(from, form, 0), to);
    }
    return status;
}

static tacit_status_t s_read_enclaves(const s_reading_t *reading)
{
    tacit_policy_rules_t *rules = reading->rules;
    for (unsigned i = 0; i < reading->document->enclaves_count; i++) {
        tacit_status_t status = s_read_enclave(reading, &reading->document->enclaves[i],
                                               &rules->enclaves[rules->enclave_count++]);
        if (status != TACIT_OK) {
            return status;
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_read_statuses(const s_reading_t *reading)
{
    for (unsigned i = 0; i < reading->document->statuses_count; i++) {
        const char *name = reading->document->statuses[i];
        tacit_tcb_status_t status = TACIT_TCB_REVOKED;
        if (!tacit_tcb_status_from_name(name, &status) || status == TACIT_TCB_REVOKED) {
            return s_refuse(reading, "statuses", "a TCB status of Intel's other than Revoked", name);
        }
        reading->rules->statuses |= UINT32_C(1) << status;
    }
    return TACIT_OK;
}

static tacit_status_t s_read_advisories(const s_reading_t *reading)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    tacit_policy_rules_t *rules = reading->rules;
    for (unsigned i = 0; i < reading->document->advisories_count; i++) {
        const char *advisory = reading->document->advisories[i];
        if (strspn(advisory, allowed) != strlen(advisory)) {
            return s_refuse(reading, "advisories_accepted", "letters, digits and -", advisory);
        }
        memcpy(rules->advisories[rules->advisory_count++], advisory, strlen(advisory) + 1);
    }
    return TACIT_OK;
}

/*  items: count texts of stride bytes each, hex of size bytes.  */
static tacit_status_t s_read_ids(const s_reading_t *reading, const char *claim, const char *items,
                                 unsigned count, size_t size, tacit_policy_ids_t *to)
{
    size_t stride = 2 * size + 1;
    for (unsigned i = 0; i < count; i++) {
        const char *item = items + i * stride;
        if (!s_hex(item, to->items[to->count++], size)) {
            return s_refuse(reading, claim, "lowercase hex digits", item);
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_read_lists(const s_reading_t *reading)
{
    const tacit_policy_document_t *document = reading->document;
    const tacit_policy_revoked_text_t *revoked = &document->revoked;
    tacit_policy_rules_t *rules = reading->rules;
    const struct {
        const char *claim;
        const void *items;
        unsigned count;
        size_t size;
        tacit_policy_ids_t *to;
    } lists[] = {
        {"platforms", document->platforms, document->platforms_count, 16, &rules->platforms},
        {"revoked.measurements", revoked->measurements, revoked->measurements_count, 32,
         &rules->revoked_measurements},
        {"revoked.signers", revoked->signers, revoked->signers_count, 32, &rules->revoked_signers},
        {"revoked.platforms", revoked->platforms, revoked->platforms_count, 16,
         &rules->revoked_platforms},
        {"revoked.users", revoked->users, revoked->users_count, 32, &rules->revoked_users},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        tacit_status_t status = s_read_ids(reading, lists[i].claim, lists[i].items, lists[i].count,
                                           lists[i].size, lists[i].to);
        if (status != TACIT_OK) {
            return status;
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_read_evaluation(const s_reading_t *reading)
{
    const char *text = reading->document->evaluation;
    uint64_t number = 0;
    if (text[0] && !s_number(text, UINT32_MAX, &number)) {
        return s_refuse(reading, "minimum_tcb_evaluation_number", "0..4294967295", text);
    }
    reading->rules->minimum_tcb_evaluation_number = (uint32_t)number;
    return TACIT_OK;
}

/*  A key listed twice would let its holder sign for two.  */
static bool s_changer_known(const tacit_policy_changers_t *changers, size_t place)
{
    for (size_t i = 0; i < place; i++) {
        if (memcmp(changers->keys[i], changers->keys[place], 32) == 0) {
            return true;
        }
    }
    return false;
}

static tacit_status_t s_read_changes(const s_reading_t *reading)
{
    const tacit_policy_changes_text_t *changes = &reading->document->changes;
    tacit_policy_changers_t *changers = &reading->rules->changers;
    uint64_t needed = 0;
    for (unsigned i = 0; i < changes->keys_count; i++) {
        if (!s_hex(changes->keys[i], changers->keys[i], 32) || s_changer_known(changers, i)) {
            return s_refuse(reading, "changes.keys", "64 lowercase hex digits, each key once",
                            changes->keys[i]);
        }
        changers->count++;
    }
    if (changers->count > 0 &&
        (!s_number(changes->signatures, changers->count, &needed) || needed == 0)) {
        return s_refuse(reading, "changes.signatures", "1 up to the number of keys", "signatures");
    }
    changers->needed = (uint32_t)needed;
    return TACIT_OK;
}

static tacit_status_t s_read_document(const s_reading_t *reading)
{
    static tacit_status_t (*const parts[])(const s_reading_t *) = {
        s_read_head,       s_read_roots, s_read_enclaves,   s_read_statuses,
        s_read_advisories, s_read_lists, s_read_evaluation, s_read_changes,
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        tacit_status_t status = parts[i](reading);
        if (status != TACIT_OK) {
            return status;
        }
    }
    return TACIT_OK;
}

tacit_status_t tacit_policy_text_read(tacit_span_t text, tacit_policy_rules_t *ret_rules,
                                      tacit_error_t *ret_error)
{
    tacit_policy_document_t *document = NULL;
    tacit_status_t status = tacit_policy_document_load(text, &document, ret_error);
    if (status == TACIT_OK) {
        const s_reading_t reading = {
            .text = text, .document = document, .rules = ret_rules, .error = ret_error};
        status = s_read_document(&reading);
        tacit_policy_document_destroy(&document);
    }
    return status;
}
