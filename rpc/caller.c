/*  caller.c - one rule per kind of caller, in a table; a kind without a rule is refused.  */

#include "rpc/caller.h"

typedef struct {
    const tacit_method_t *method;
    const tacit_session_t *session;
    const uint8_t *operator_key;
} s_question_t;

static bool s_is_user(const s_question_t *question)
{
    return question->session->peer_role == TACIT_ROLE_USER ||
           question->session->peer_role == TACIT_ROLE_OPERATOR;
}

static bool s_is_operator(const s_question_t *question)
{
    return question->session->peer_role == TACIT_ROLE_OPERATOR && question->operator_key &&
           memcmp(question->session->peer_curve, question->operator_key, TACIT_CURVE_KEY_SIZE) == 0;
}

static bool s_is_enclave(const s_question_t *question)
{
    const tacit_session_t *session = question->session;
    return tacit_role_is_enclave(session->peer_role) && session->peer_attested &&
           session->peer_result.role == session->peer_role &&
           (question->method->roles & (1U << session->peer_role)) != 0;
}

typedef struct {
    bool (*admits)(const s_question_t *question);
    const char *expected;
} s_rule_t;

static const s_rule_t s_rules[] = {
    [TACIT_CALLER_USER] = {s_is_user, "a user"},
    [TACIT_CALLER_OWNER] = {s_is_user, "the owner"},
    [TACIT_CALLER_OPERATOR] = {s_is_operator, "the operator"},
    [TACIT_CALLER_ENCLAVE] = {s_is_enclave, "an attested enclave of a role that the method names"},
};

tacit_status_t tacit_caller_check(const tacit_method_t *method, const tacit_connection_t *row,
                                  const uint8_t *operator_key, tacit_error_t *ret_error)
{
    if (method->caller == TACIT_CALLER_ANYONE) {
        return TACIT_OK;
    }
    if (row && (row->expired || row->ended)) {
        return tacit_error_set(ret_error, TACIT_SESSION_EXPIRED, NULL);
    }
    if (!row || !row->session) {
        return tacit_error_set(ret_error, TACIT_NO_SESSION, NULL);
    }
    const s_question_t question = {method, row->session, operator_key};
    const s_rule_t *rule =
        (size_t)method->caller < sizeof s_rules / sizeof *s_rules ? &s_rules[method->caller] : NULL;
    if (!rule || !rule->admits || !rule->admits(&question)) {
        tacit_error_claim(ret_error, TACIT_CALLER_REFUSED, "caller",
                          rule ? rule->expected : "nobody",
                          tacit_role_name(row->session->peer_role));
        if (row->session->peer_role == TACIT_ROLE_USER) {
            tacit_error_conceal(ret_error); /* a key that anybody can make */
        }
        return TACIT_CALLER_REFUSED;
    }
    return TACIT_OK;
}

tacit_status_t tacit_caller_owns(const tacit_method_t *method, const tacit_connection_t *row,
                                 const void *args, tacit_error_t *ret_error)
{
    if (method->caller != TACIT_CALLER_OWNER) {
        return TACIT_OK;
    }
    tacit_span_t owner;
    memcpy(&owner, (const uint8_t *)args + method->owner_offset, sizeof owner);
    if (owner.size != TACIT_CURVE_KEY_SIZE ||
        memcmp(owner.data, row->session->peer_curve, TACIT_CURVE_KEY_SIZE) != 0) {
        return tacit_error_set(ret_error, TACIT_CALLER_REFUSED, NULL);
    }
    return TACIT_OK;
}
