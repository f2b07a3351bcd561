/*  pck.c - the SGX extension of a PCK certificate.

    SEQUENCE OF SEQUENCE { OID, value }, where field 2 (the TCB) is such a sequence again. OpenSSL
    decodes the DER; fields are found by the last number of their OID in two tables.  */

#include "enclave/pck.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "enclave/evidence_refusal.h"

/*  1.2.840.113741.1.13.1 in DER; fields append one number, TCB components one more.  */
static const uint8_t s_extension_oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

enum {
    FIELD_PPID = 1,
    FIELD_TCB = 2,
    FIELD_PCEID = 3,
    FIELD_FMSPC = 4,
    TCB_PCESVN = 17, /* the numbers below are the components' */
    TCB_CPUSVN = 18,
    FIELDS_MAX = 32 /* entries in one sequence */
};

/*  One level of the extension: its OID so far, and who takes a field of it.  */
typedef struct level {
    uint8_t prefix[sizeof s_extension_oid + 1];
    size_t prefix_size;
    bool (*take)(uint8_t field, const ASN1_TYPE *value, tacit_pck_t *pck);
    uint32_t required; /* bit n: field n must be there */
} level_t;

static bool s_take_bytes(const ASN1_TYPE *value, uint8_t *ret_bytes, size_t size)
{
    if (ASN1_TYPE_get(value) != V_ASN1_OCTET_STRING ||
        (size_t)ASN1_STRING_length(value->value.octet_string) != size) {
        return false;
    }
    memcpy(ret_bytes, ASN1_STRING_get0_data(value->value.octet_string), size);
    return true;
}

static bool s_take_number(const ASN1_TYPE *value, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (ASN1_TYPE_get(value) != V_ASN1_INTEGER ||
        ASN1_INTEGER_get_uint64(&number, value->value.integer) != 1 || number > max) {
        return false;
    }
    *ret_number = number;
    return true;
}

static bool s_take_tcb_field(uint8_t field, const ASN1_TYPE *value, tacit_pck_t *pck)
{
    uint64_t number = 0;
    if (field == TCB_CPUSVN) {
        return s_take_bytes(value, pck->cpusvn, sizeof pck->cpusvn);
    }
    if (field == TCB_PCESVN) {
        bool taken = s_take_number(value, UINT16_MAX, &number);
        pck->pcesvn = (uint16_t)number;
        return taken;
    }
    if (field < 1 || field > TACIT_PCK_COMPONENTS) {
        return true;
    }
    bool taken = s_take_number(value, UINT8_MAX, &number);
    pck->components[field - 1] = (uint8_t)number;
    return taken;
}

static bool s_take_sequence(const level_t *level, const ASN1_STRING *der, tacit_pck_t *pck);

static bool s_take_tcb(const ASN1_TYPE *value, tacit_pck_t *pck)
{
    level_t level = {.prefix_size = sizeof s_extension_oid + 1,
                     .take = s_take_tcb_field,
                     .required = (1U << (TCB_CPUSVN + 1)) - 2};
    memcpy(level.prefix, s_extension_oid, sizeof s_extension_oid);
    level.prefix[sizeof s_extension_oid] = FIELD_TCB;
    return ASN1_TYPE_get(value) == V_ASN1_SEQUENCE &&
           s_take_sequence(&level, value->value.sequence, pck);
}

static bool s_take_field(uint8_t field, const ASN1_TYPE *value, tacit_pck_t *pck)
{
    switch (field) {
    case FIELD_PPID:
        return s_take_bytes(value, pck->ppid, sizeof pck->ppid);
    case FIELD_TCB:
        return s_take_tcb(value, pck);
    case FIELD_PCEID:
        return s_take_bytes(value, pck->pceid, sizeof pck->pceid);
    case FIELD_FMSPC:
        return s_take_bytes(value, pck->fmspc, sizeof pck->fmspc);
    default:
        return true;
    }
}

/*  The number that an OID adds to the level's; 0 where it is none of this level.  */
static uint8_t s_field_of(const level_t *level, const ASN1_TYPE *type)
{
    if (ASN1_TYPE_get(type) != V_ASN1_OBJECT) {
        return 0;
    }
    const uint8_t *oid = OBJ_get0_data(type->value.object);
    if (OBJ_length(type->value.object) != level->prefix_size + 1 ||
        memcmp(oid, level->prefix, level->prefix_size) != 0) {
        return 0;
    }
    uint8_t field = oid[level->prefix_size];
    return field < FIELDS_MAX ? field : 0;
}

static ASN1_SEQUENCE_ANY *s_decode(const uint8_t *der, int size)
{
    const uint8_t *end = der;
    ASN1_SEQUENCE_ANY *sequence = d2i_ASN1_SEQUENCE_ANY(NULL, &end, size);
    if (sequence && (end != der + size || sk_ASN1_TYPE_num(sequence) > FIELDS_MAX)) {
        sk_ASN1_TYPE_pop_free(sequence, ASN1_TYPE_free);
        sequence = NULL;
    }
    ERR_clear_error();
    return sequence;
}

/*  One SEQUENCE { OID, value }; sets its bit in *seen.  */
static bool s_take_entry(const level_t *level, const ASN1_TYPE *entry, uint32_t *seen,
                         tacit_pck_t *pck)
{
    if (ASN1_TYPE_get(entry) != V_ASN1_SEQUENCE) {
        return false;
    }
    const ASN1_STRING *der = entry->value.sequence;
    ASN1_SEQUENCE_ANY *pair = s_decode(ASN1_STRING_get0_data(der), ASN1_STRING_length(der));
    bool taken = false;
    if (sk_ASN1_TYPE_num(pair) == 2) {
        uint8_t field = s_field_of(level, sk_ASN1_TYPE_value(pair, 0));
        uint32_t bit = 1U << field;
        taken =
            field != 0 && !(*seen & bit) && level->take(field, sk_ASN1_TYPE_value(pair, 1), pck);
        *seen |= bit;
    }
    sk_ASN1_TYPE_pop_free(pair, ASN1_TYPE_free);
    return taken;
}

static bool s_take_sequence(const level_t *level, const ASN1_STRING *der, tacit_pck_t *pck)
{
    ASN1_SEQUENCE_ANY *entries = s_decode(ASN1_STRING_get0_data(der), ASN1_STRING_length(der));
    bool taken = entries != NULL;
    uint32_t seen = 0;
    for (int i = 0; taken && i < sk_ASN1_TYPE_num(entries); i++) {
        taken = s_take_entry(level, sk_ASN1_TYPE_value(entries, i), &seen, pck);
    }
    sk_ASN1_TYPE_pop_free(entries, ASN1_TYPE_free);
    return taken && (seen & level->required) == level->required;
}

/*  The extension's bytes; NULL where there is none, or more than one.  */
static const ASN1_STRING *s_find(X509 *certificate)
{
    const ASN1_STRING *found = NULL;
    for (int i = 0; i < X509_get_ext_count(certificate); i++) {
        X509_EXTENSION *extension = X509_get_ext(certificate, i);
        const ASN1_OBJECT *oid = X509_EXTENSION_get_object(extension);
        if (OBJ_length(oid) == sizeof s_extension_oid &&
            memcmp(OBJ_get0_data(oid), s_extension_oid, sizeof s_extension_oid) == 0) {
            if (found) {
                return NULL;
            }
            found = X509_EXTENSION_get_data(extension);
        }
    }
    return found;
}

tacit_status_t tacit_pck_parse(X509 *certificate, tacit_pck_t *ret_pck, tacit_error_t *ret_error)
{
    level_t level = {.prefix_size = sizeof s_extension_oid,
                     .take = s_take_field,
                     .required = 1U << FIELD_PPID | 1U << FIELD_TCB | 1U << FIELD_PCEID |
                                 1U << FIELD_FMSPC};
    memcpy(level.prefix, s_extension_oid, sizeof s_extension_oid);
    tacit_pck_t pck = {0};
    const ASN1_STRING *extension = s_find(certificate);
    if (!extension || !s_take_sequence(&level, extension, &pck)) {
        return tacit_evidence_refuse(ret_error, TACIT_EVIDENCE_MALFORMED, "pck.sgx_extension",
                                     "each of its fields once, in its size",
                                     extension ? "another form" : "no such extension");
    }
    *ret_pck = pck;
    return TACIT_OK;
}
