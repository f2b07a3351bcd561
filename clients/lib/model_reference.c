/*  model_reference.c - see model_reference.h.  */

#include "clients/lib/model_reference.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/hex.h"

static tacit_status_t s_refuse(tacit_error_t *ret_error, const char *text, const char *expected)
{
    tacit_error_set(ret_error, TACIT_BAD_INPUT, "\"%s\" names no model", text);
    if (ret_error) {
        (void)snprintf(ret_error->claim, sizeof ret_error->claim, "model");
        (void)snprintf(ret_error->expected, sizeof ret_error->expected, "%s", expected);
    }
    return TACIT_BAD_INPUT;
}

static bool s_parse_version(const char *text, uint32_t *ret_version)
{
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (*text < '1' || *text > '9' || *end != '\0' || errno != 0 || number > UINT32_MAX) {
        return false;
    }
    *ret_version = (uint32_t)number;
    return true;
}

static bool s_parse_owner(const char *text, size_t size, tacit_model_reference_t *reference)
{
    if (size < TACIT_REFERENCE_OWNER_MIN || size >= sizeof reference->owner_digits ||
        strspn(text, "0123456789abcdefABCDEF") != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        reference->owner_digits[i] = (char)tolower((unsigned char)text[i]);
    }
    reference->resolved = tacit_hex_read(reference->owner_digits, reference->owner, 32);
    return true;
}

static bool s_parse_name(const char *text, size_t size, tacit_model_reference_t *reference)
{
    if (!tacit_model_name_valid(tacit_span(text, size))) {
        return false;
    }
    memcpy(reference->name, text, size);
    return true;
}

tacit_status_t tacit_model_reference_parse(const char *text, const uint8_t *own,
                                           tacit_model_reference_t *ret_reference,
                                           tacit_error_t *ret_error)
{
    tacit_model_reference_t reference = {.version = 0};
    const char *slash = strchr(text, '/');
    const char *name = slash ? slash + 1 : text;
    const char *at = strchr(name, '@');
    if (own && slash) {
        return s_refuse(ret_error, text, "NAME[@VERSION], of a model of your own");
    }
    if (own) {
        memcpy(reference.owner, own, 32);
        tacit_hex_key(own, reference.owner_digits);
        reference.resolved = true;
    } else if (!slash || !s_parse_owner(text, (size_t)(slash - text), &reference)) {
        return s_refuse(ret_error, text,
                        "OWNER/NAME[@VERSION], OWNER being the owner's id (64 hex digits, or at "
                        "least the first 8)");
    }
    if (!s_parse_name(name, at ? (size_t)(at - name) : strlen(name), &reference)) {
        return s_refuse(ret_error, text,
                        "a name of 1 to 64 characters: a-z or 0-9, then those and '.', '_', '-'");
    }
    if (at && !s_parse_version(at + 1, &reference.version)) {
        return s_refuse(ret_error, text, "a version from 1 on, behind the '@'");
    }
    *ret_reference = reference;
    return TACIT_OK;
}

tacit_status_t tacit_model_reference_consider(tacit_model_reference_t *reference,
                                              const uint8_t owner[32], const char *name,
                                              tacit_error_t *ret_error)
{
    char digits[TACIT_HEX_KEY_SIZE];
    tacit_hex_key(owner, digits);
    if (strcmp(name, reference->name) != 0 ||
        strncmp(digits, reference->owner_digits, strlen(reference->owner_digits)) != 0) {
        return TACIT_OK;
    }
    if (reference->resolved && memcmp(reference->owner, owner, 32) != 0) {
        tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s is short for more than one owner of %s",
                        reference->owner_digits, reference->name);
        tacit_error_remedy(ret_error, "type all 64 digits of the owner's id");
        return TACIT_BAD_INPUT;
    }
    memcpy(reference->owner, owner, 32);
    reference->resolved = true;
    return TACIT_OK;
}
