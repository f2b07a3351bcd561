/*  grants.c - tacit-mlowner grant and revoke.  */

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "clients/mlowner/commands.h"
#include "clients/mlowner/publish.h"
#include "clients/mlowner/withdraw.h"
#include "enclave/clock.h"
#include "idl/keys.h"

enum { S_MEASUREMENTS_MAX = 16 };

static bool s_take_hex(const char *text, uint8_t *ret_bytes, size_t size)
{
    size_t got = 0;
    return text && strlen(text) == 2 * size &&
           sodium_hex2bin(ret_bytes, size, text, 2 * size, NULL, &got, NULL) == 0 && got == size;
}

/*  "90s", "15m", "12h", "7d" from now, or "2027-01-31T12:00:00Z".  */
static bool s_take_expiry(const char *text, uint64_t *ret_ms)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    struct tm broken = {0};
    char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &broken);
    if (end && !*end) {
        *ret_ms = (uint64_t)timegm(&broken) * 1000;
        return true;
    }
    unsigned long number = strtoul(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (isdigit((unsigned char)text[0]) && end[0] == units[i].unit && !end[1] && number > 0 &&
            number <= 36500) {
            *ret_ms = tacit_now_ms() + number * units[i].seconds * 1000;
            return true;
        }
    }
    return false;
}

/*  --- grant ----------------------------------------------------------------------------------- */

typedef struct {
    char name[TACIT_MODEL_NAME_MAX + 1];
    uint8_t user[32];
    uint8_t measurement[32];
    bool measured; /* the option was given */
    uint64_t expires_ms;
    uint32_t uses;
} s_wish_t;

static tacit_status_t s_take_wish(const tacit_invocation_t *invocation, s_wish_t *ret_wish,
                                  tacit_error_t *ret_error)
{
    uint32_t version = 0;
    const char *measurement = tacit_invocation_value(invocation, "measurement");
    const char *expires = tacit_invocation_value(invocation, "expires");
    const char *uses = tacit_invocation_value(invocation, "uses");
    char *end = NULL;
    *ret_wish = (s_wish_t){0};
    tacit_status_t status =
        tacit_owner_parse(invocation->operands[0], ret_wish->name, &version, ret_error);
    if (status) {
        return status;
    }
    if (version) {
        return tacit_usage_error(invocation, ret_error, "a grant is for all versions of a model");
    }
    if (!tacit_invocation_value(invocation, "user")) {
        return tacit_usage_error(invocation, ret_error,
                                 "to whom? --user USER, the id that "
                                 "tacit-dataowner init prints");
    }
    if (!s_take_hex(tacit_invocation_value(invocation, "user"), ret_wish->user, 32)) {
        return tacit_usage_error(invocation, ret_error, "--user takes a user id, 64 hex digits");
    }
    if (measurement && !s_take_hex(measurement, ret_wish->measurement, 32)) {
        return tacit_usage_error(invocation, ret_error, "--measurement takes 64 hex digits");
    }
    if (expires && !s_take_expiry(expires, &ret_wish->expires_ms)) {
        return tacit_usage_error(invocation, ret_error,
                                 "--expires takes 90s, 15m, 12h, 7d or 2027-01-31T12:00:00Z");
    }
    unsigned long number = uses ? strtoul(uses, &end, 10) : 0;
    if (uses && (!isdigit((unsigned char)uses[0]) || *end || number == 0 || number > UINT32_MAX)) {
        return tacit_usage_error(invocation, ret_error, "--uses takes a number from 1");
    }
    ret_wish->uses = (uint32_t)number;
    ret_wish->measured = measurement != NULL;
    return TACIT_OK;
}

/*  The code that runs in the workers now, if it is one.  */
static tacit_status_t s_choose_measurement(tacit_owner_t *owner, s_wish_t *wish,
                                           tacit_error_t *ret_error)
{
    uint8_t measurements[S_MEASUREMENTS_MAX][32];
    size_t count = 0;
    tacit_status_t status =
        tacit_user_workers(&owner->user, measurements, S_MEASUREMENTS_MAX, &count, NULL, ret_error);
    if (!status && count > 1) {
        status = tacit_error_set(ret_error, TACIT_BAD_INPUT,
                                 "workers of %zu measurements are attested", count);
        tacit_error_remedy(ret_error,
                           "name the one you trust with --measurement; verify lists them");
    }
    if (!status) {
        memcpy(wish->measurement, measurements[0], 32);
    }
    return status;
}

tacit_status_t tacit_command_grant(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    s_wish_t wish;
    tacit_owner_t owner = {0};
    tacit_status_t status = s_take_wish(invocation, &wish, ret_error);
    if (status) {
        return status;
    }
    status = tacit_owner_open(invocation, &owner, ret_error);
    if (!status && !wish.measured) {
        status = s_choose_measurement(&owner, &wish, ret_error);
    }
    tacit_keys_grant_args_t args = {
        .name = tacit_span_string(wish.name),
        .user = tacit_span(wish.user, 32),
        .measurement = tacit_span(wish.measurement, 32),
        .expires_ms = wish.expires_ms,
        .uses = wish.uses,
    };
    tacit_keys_grant_result_t result = {0};
    if (!status) {
        status = tacit_user_call_again(&owner.user, TACIT_ROLE_KEYS, &owner.keys, &tacit_keys_grant,
                                       &args, &result, ret_error);
    }
    if (!status) {
        char id[33];
        char measurement[65];
        sodium_bin2hex(id, sizeof id, result.grant_id.data, result.grant_id.size);
        sodium_bin2hex(measurement, sizeof measurement, wish.measurement, 32);
        if (invocation->json) {
            printf("{\"grant\": \"%s\", \"measurement\": \"%s\"}\n", id, measurement);
        } else {
            printf("Granted %s: grant %s, in workers measured\n%s.\n", wish.name, id, measurement);
        }
    }
    tacit_owner_close(&owner);
    return status;
}

/*  --- revoke ---------------------------------------------------------------------------------- */

static tacit_status_t s_revoke_one(tacit_owner_t *owner, const uint8_t id[16],
                                   tacit_error_t *ret_error)
{
    tacit_keys_revoke_args_t args = {.grant_id = tacit_span(id, 16)};
    tacit_keys_revoke_result_t result = {0};
    return tacit_keys_revoke_call(owner->keys, &args, &result, ret_error);
}

static tacit_status_t s_revoke_model(tacit_owner_t *owner, size_t *ret_count,
                                     tacit_error_t *ret_error)
{
    const tacit_invocation_t *invocation = owner->invocation;
    uint8_t user[32];
    char name[TACIT_MODEL_NAME_MAX + 1];
    uint32_t version = 0;
    if (!s_take_hex(tacit_invocation_value(invocation, "user"), user, 32)) {
        return tacit_usage_error(invocation, ret_error,
                                 "revoke takes a grant id, or a MODEL and --user with a user id");
    }
    tacit_status_t status = tacit_owner_parse(invocation->operands[0], name, &version, ret_error);
    if (!status) {
        status = tacit_owner_revoke(owner, name, user, ret_count, ret_error);
    }
    if (!status && *ret_count == 0) {
        status = tacit_error_set(ret_error, TACIT_NOT_FOUND, "that user has no active grant for %s",
                                 name);
    }
    return status;
}

tacit_status_t tacit_command_revoke(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    tacit_owner_t owner = {0};
    uint8_t id[16];
    size_t count = 1;
    tacit_status_t status = tacit_owner_open(invocation, &owner, ret_error);
    if (!status) {
        status = s_take_hex(invocation->operands[0], id, sizeof id)
                     ? s_revoke_one(&owner, id, ret_error)
                     : s_revoke_model(&owner, &count, ret_error);
    }
    if (!status && invocation->json) {
        printf("{\"revoked\": %zu}\n", count);
    } else if (!status) {
        printf("Revoked %zu grant%s; workers drop the keys within a second.\n", count,
               count == 1 ? "" : "s");
    }
    tacit_owner_close(&owner);
    return status;
}
