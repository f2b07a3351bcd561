/*  vek.c - the extensions of a VCEK or VLEK, by the numbers that end their OIDs.  */

#include "enclave/vek.h"

#include "enclave/evidence_refusal.h"

/*  1.3.6.1.4.1.3704.1 in DER.  */
static const uint8_t s_arc[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01};

enum {
    DER_INTEGER = 0x02,
    DER_OCTETS = 0x04,
    DER_IA5 = 0x16,
    NUMBERS_MAX = 2, /* that an OID appends to the arc */
    NONE = 0xff
};

/*  Reads a DER value of one byte's length and of that type.  */
static bool s_take_value(tacit_span_t der, uint8_t type, tacit_span_t *ret_value)
{
    tacit_cursor_t cursor = tacit_cursor(der);
    uint8_t got = tacit_cursor_u8(&cursor);
    uint8_t size = tacit_cursor_u8(&cursor);
    tacit_span_t value = tacit_cursor_take(&cursor, size);
    if (!tacit_cursor_done(&cursor) || got != type || size > 0x7f) {
        return false;
    }
    *ret_value = value;
    return true;
}

static bool s_take_product(tacit_span_t der, uint8_t place, tacit_vek_t *vek)
{
    tacit_span_t value;
    (void)place;
    if (!s_take_value(der, DER_IA5, &value) || value.size == 0 ||
        value.size >= sizeof vek->product) {
        return false;
    }
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] <= 0x20 || value.data[i] > 0x7e) {
            return false;
        }
    }
    memcpy(vek->product, value.data, value.size);
    return true;
}

/*  An SVN of one byte; those above 127 have a zero before them.  */
static bool s_take_svn(tacit_span_t der, uint8_t place, tacit_vek_t *vek)
{
    tacit_span_t value;
    if (!s_take_value(der, DER_INTEGER, &value)) {
        return false;
    }
    bool padded = value.size == 2 && value.data[0] == 0 && value.data[1] > 0x7f;
    if (!padded && !(value.size == 1 && value.data[0] <= 0x7f)) {
        return false;
    }
    vek->tcb[place] = value.data[value.size - 1];
    return true;
}

/*  The id itself, or an octet string of it, as newer certificates have it.  */
static bool s_take_chip_id(tacit_span_t der, uint8_t place, tacit_vek_t *vek)
{
    tacit_span_t value = der;
    (void)place;
    if (der.size != TACIT_SNP_CHIP_ID_SIZE && !s_take_value(der, DER_OCTETS, &value)) {
        return false;
    }
    if (value.size != TACIT_SNP_CHIP_ID_SIZE) {
        return false;
    }
    memcpy(vek->chip_id, value.data, value.size);
    vek->has_chip_id = true;
    return true;
}

/*  Which extensions are read, and where an SVN stands in reported_tcb.  */
static const struct {
    uint8_t numbers[NUMBERS_MAX];
    size_t count;
    bool (*take)(tacit_span_t der, uint8_t place, tacit_vek_t *vek);
    uint8_t place;
    bool required;
} s_extensions[] = {
    {{2}, 1, s_take_product, NONE, true},  {{3, 1}, 2, s_take_svn, 0, true}, /* boot loader */
    {{3, 2}, 2, s_take_svn, 1, true},                                        /* TEE */
    {{3, 4}, 2, s_take_svn, 2, false},     {{3, 5}, 2, s_take_svn, 3, false},
    {{3, 6}, 2, s_take_svn, 4, false},     {{3, 7}, 2, s_take_svn, 5, false},
    {{3, 3}, 2, s_take_svn, 6, true}, /* SNP firmware */
    {{3, 8}, 2, s_take_svn, 7, true}, /* microcode */
    {{4}, 1, s_take_chip_id, NONE, false},
};

enum { EXTENSIONS = sizeof s_extensions / sizeof s_extensions[0] };

/*  Its place in the table; EXTENSIONS for one that is none of ours.  */
static size_t s_find(const ASN1_OBJECT *oid)
{
    const uint8_t *bytes = OBJ_get0_data(oid);
    size_t size = OBJ_length(oid);
    for (size_t i = 0; i < EXTENSIONS; i++) {
        if (size == sizeof s_arc + s_extensions[i].count &&
            memcmp(bytes, s_arc, sizeof s_arc) == 0 &&
            memcmp(bytes + sizeof s_arc, s_extensions[i].numbers, s_extensions[i].count) == 0) {
            return i;
        }
    }
    return EXTENSIONS;
}

static bool s_take(X509 *certificate, tacit_vek_t *vek)
{
    uint32_t seen = 0;
    for (int i = 0; i < X509_get_ext_count(certificate); i++) {
        X509_EXTENSION *extension = X509_get_ext(certificate, i);
        size_t found = s_find(X509_EXTENSION_get_object(extension));
        if (found == EXTENSIONS) {
            continue;
        }
        const ASN1_STRING *value = X509_EXTENSION_get_data(extension);
        tacit_span_t der =
            tacit_span(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
        if ((seen >> found & 1) || !s_extensions[found].take(der, s_extensions[found].place, vek)) {
            return false;
        }
        seen |= UINT32_C(1) << found;
    }
    for (size_t i = 0; i < EXTENSIONS; i++) {
        if (s_extensions[i].required && !(seen >> i & 1)) {
            return false;
        }
    }
    return true;
}

tacit_status_t tacit_vek_parse(X509 *certificate, tacit_vek_t *ret_vek, tacit_error_t *ret_error)
{
    tacit_vek_t vek = {0};
    if (!s_take(certificate, &vek)) {
        return tacit_evidence_refuse(ret_error, TACIT_EVIDENCE_MALFORMED, "vek.extensions",
                                     "product and SVNs once each, in their form", "another form");
    }
    *ret_vek = vek;
    return TACIT_OK;
}
