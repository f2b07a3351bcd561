/*  nitro_document.c - the payload is read through a table of its members.  */

#include "enclave/nitro_document.h"

#include "enclave/cbor.h"
#include "enclave/evidence_refusal.h"

enum {
    TAG_SIGN1 = 18,
    SIGN1_ITEMS = 4,
    CERTIFICATE_MAX = 1024, /* bytes of each, by the vendor's grammar */
    PCRS_REQUIRED = 3       /* image, kernel, application */
};

static const uint8_t s_es384[] = {0xa1, 0x01, 0x38, 0x22}; /* {1: -35} */

static tacit_status_t s_malformed(const char *claim, const char *expected, tacit_error_t *error)
{
    return tacit_evidence_refuse(error, TACIT_EVIDENCE_MALFORMED, claim, expected,
                                 "absent, or another form");
}

static bool s_take_span(const tacit_cbor_t *item, tacit_cbor_type_t type, size_t min, size_t max,
                        tacit_span_t *ret_span)
{
    if (item->type != type || item->content.size < min || item->content.size > max) {
        return false;
    }
    *ret_span = item->content;
    return true;
}

static bool s_take_optional(const tacit_cbor_t *item, tacit_span_t *ret_span)
{
    return (item->type == TACIT_CBOR_SIMPLE && item->number == TACIT_CBOR_NULL) ||
           s_take_span(item, TACIT_CBOR_BYTES, 0, TACIT_NITRO_FIELD_MAX, ret_span);
}

static bool s_take_module(const tacit_cbor_t *item, tacit_nitro_document_t *document)
{
    return s_take_span(item, TACIT_CBOR_TEXT, 1, TACIT_NITRO_MODULE_MAX, &document->module_id);
}

static bool s_take_digest(const tacit_cbor_t *item, tacit_nitro_document_t *document)
{
    (void)document;
    return item->type == TACIT_CBOR_TEXT &&
           tacit_span_equal(item->content, tacit_span_string("SHA384"));
}

static bool s_take_timestamp(const tacit_cbor_t *item, tacit_nitro_document_t *document)
{
    document->timestamp_ms = item->number;
    return item->type == TACIT_CBOR_UNSIGNED && item->number > 0;
}

static bool s_take_pcrs(const tacit_cbor_t *item, tacit_nitro_document_t *document)
{
    tacit_span_t content = item->content;
    tacit_cbor_t index;
    tacit_cbor_t value;
    if (item->type != TACIT_CBOR_MAP) {
        return false;
    }
    while (tacit_cbor_next(&content, &index) && tacit_cbor_next(&content, &value)) {
        if (index.type != TACIT_CBOR_UNSIGNED || index.number >= TACIT_NITRO_PCRS ||
            value.type != TACIT_CBOR_BYTES || value.content.size != TACIT_NITRO_PCR_SIZE) {
            return false;
        }
        document->pcrs[index.number] = value.content.data;
    }
    for (size_t i = 0; i < PCRS_REQUIRED; i++) {
        if (!document->pcrs[i]) {
            return false;
        }
    }
    return true;
}

static bool s_take_certificate(const tacit_cbor_t *item, tacit_nitro_document_t *document)
{
    return s_take_span(item, TACIT_CBOR_BYTES, 1, CERTIFICATE_MAX, &document->certificate);
}

static bool s_take_bundle(const tacit_cbor_t *item, tacit_nitro_document_t *document)
{
    tacit_span_t content = item->content;
    tacit_cbor_t certificate;
    if (item->type != TACIT_CBOR_ARRAY || item->number == 0 ||
        item->number > TACIT_NITRO_BUNDLE_MAX) {
        return false;
    }
    while (tacit_cbor_next(&content, &certificate)) {
        if (!s_take_span(&certificate, TACIT_CBOR_BYTES, 1, CERTIFICATE_MAX,
                         &document->bundle[document->bundle_count])) {
            return false;
        }
        document->bundle_count++;
    }
    return true;
}

static bool s_take_public_key(const tacit_cbor_t *item, tacit_nitro_document_t *document)
{
    return s_take_optional(item, &document->public_key);
}

static bool s_take_user_data(const tacit_cbor_t *item, tacit_nitro_document_t *document)
{
    return s_take_optional(item, &document->user_data);
}

static bool s_take_nonce(const tacit_cbor_t *item, tacit_nitro_document_t *document)
{
    return s_take_optional(item, &document->nonce);
}

static const struct {
    const char *name;
    const char *claim;
    const char *expected;
    bool (*take)(const tacit_cbor_t *item, tacit_nitro_document_t *document);
    bool required;
} s_members[] = {
    {"module_id", "nitro.module_id", "a text", s_take_module, true},
    {"digest", "nitro.digest", "SHA384", s_take_digest, true},
    {"timestamp", "nitro.timestamp", "Unix ms", s_take_timestamp, true},
    {"pcrs", "nitro.pcrs", "48 bytes each, 0 to 31, the first three there", s_take_pcrs, true},
    {"certificate", "nitro.certificate", "a certificate", s_take_certificate, true},
    {"cabundle", "nitro.cabundle", "1 to 8 certificates", s_take_bundle, true},
    {"public_key", "nitro.public_key", "at most 1024 bytes, or null", s_take_public_key, false},
    {"user_data", "nitro.user_data", "at most 1024 bytes, or null", s_take_user_data, false},
    {"nonce", "nitro.nonce", "at most 1024 bytes, or null", s_take_nonce, false},
};

enum { MEMBERS = sizeof s_members / sizeof s_members[0] };

/*  Which member a key names; MEMBERS for none of ours.  */
static size_t s_member(const tacit_cbor_t *key)
{
    size_t i = 0;
    while (i < MEMBERS && (key->type != TACIT_CBOR_TEXT ||
                           !tacit_span_equal(key->content, tacit_span_string(s_members[i].name)))) {
        i++;
    }
    return i;
}

static tacit_status_t s_parse_payload(tacit_nitro_document_t *document, tacit_error_t *error)
{
    tacit_cbor_t map;
    tacit_cbor_t key;
    tacit_cbor_t value;
    uint32_t seen = 0;
    if (!tacit_cbor_read(document->payload, &map) || map.type != TACIT_CBOR_MAP) {
        return s_malformed("nitro.payload", "one strict CBOR map", error);
    }
    while (tacit_cbor_next(&map.content, &key) && tacit_cbor_next(&map.content, &value)) {
        size_t i = s_member(&key);
        if (i == MEMBERS) {
            return s_malformed("nitro.payload", "no members beyond the vendor's grammar", error);
        }
        if (!s_members[i].take(&value, document)) {
            return s_malformed(s_members[i].claim, s_members[i].expected, error);
        }
        seen |= UINT32_C(1) << i;
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        if (s_members[i].required && !(seen >> i & 1)) {
            return s_malformed(s_members[i].claim, s_members[i].expected, error);
        }
    }
    return TACIT_OK;
}

/*  The four items of COSE_Sign1.  */
static tacit_status_t s_parse_sign1(const tacit_cbor_t *array, tacit_nitro_document_t *document,
                                    tacit_error_t *error)
{
    tacit_cbor_t items[SIGN1_ITEMS];
    tacit_span_t content = array->content;
    if (array->type != TACIT_CBOR_ARRAY || array->number != SIGN1_ITEMS) {
        return s_malformed("nitro.document", "COSE_Sign1: an array of four", error);
    }
    for (size_t i = 0; i < SIGN1_ITEMS; i++) {
        if (!tacit_cbor_next(&content, &items[i])) {
            return s_malformed("nitro.document", "COSE_Sign1: an array of four", error);
        }
    }
    if (items[0].type != TACIT_CBOR_BYTES || items[1].type != TACIT_CBOR_MAP ||
        items[2].type != TACIT_CBOR_BYTES || items[3].type != TACIT_CBOR_BYTES ||
        items[3].content.size != TACIT_NITRO_SIGNATURE_SIZE) {
        return s_malformed("nitro.document", "headers, payload and a signature of 96 bytes", error);
    }
    document->protected_header = items[0].content;
    document->payload = items[2].content;
    document->signature = items[3].content.data;
    tacit_span_t expected = tacit_span(s_es384, sizeof s_es384);
    if (!tacit_span_equal(document->protected_header, expected)) {
        return tacit_evidence_refuse_bytes(error, TACIT_UNSUPPORTED, "nitro.algorithm", expected,
                                           document->protected_header);
    }
    return TACIT_OK;
}

tacit_status_t tacit_nitro_document_parse(tacit_span_t bytes, tacit_nitro_document_t *ret_document,
                                          tacit_error_t *ret_error)
{
    tacit_nitro_document_t document = {0};
    tacit_cbor_t item;
    if (bytes.size > TACIT_NITRO_DOCUMENT_MAX) {
        return tacit_evidence_refuse_number(ret_error, TACIT_TOO_LARGE, "nitro.document",
                                            TACIT_NITRO_DOCUMENT_MAX, bytes.size);
    }
    if (!tacit_cbor_read(bytes, &item)) {
        return s_malformed("nitro.document", "one strict CBOR item, nothing after it", ret_error);
    }
    if (item.type == TACIT_CBOR_TAG && item.number == TAG_SIGN1) {
        tacit_span_t content = item.content;
        document.tagged = true;
        if (!tacit_cbor_next(&content, &item)) {
            return s_malformed("nitro.document", "an item under its tag", ret_error);
        }
    }
    tacit_status_t status = s_parse_sign1(&item, &document, ret_error);
    if (status == TACIT_OK) {
        status = s_parse_payload(&document, ret_error);
    }
    if (status == TACIT_OK) {
        *ret_document = document;
    }
    return status;
}
