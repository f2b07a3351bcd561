/*  caller_test.c - every kind of caller against every kind of session.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rpc/caller.h"

static const uint8_t s_operator[32] = {9};
static const uint8_t s_somebody[32] = {5};

/*  A session as the binding leaves it.  */
static tacit_session_t s_session(tacit_role_t role, const uint8_t curve[32])
{
    tacit_session_t session = {.peer_role = role, .peer_attested = tacit_role_is_enclave(role)};
    memcpy(session.peer_curve, curve, 32);
    session.peer_result.role = session.peer_attested ? role : TACIT_ROLE_NONE;
    return session;
}

static tacit_status_t s_check(tacit_caller_kind_t kind, uint32_t roles, tacit_session_t *session)
{
    const tacit_method_t method = {.caller = kind, .roles = roles};
    tacit_connection_t row = {.session = session};
    tacit_error_t error = {.code = TACIT_OK};
    tacit_status_t status = tacit_caller_check(&method, &row, s_operator, &error);
    assert_int_equal(error.code, status);
    return status;
}

static void each_role_is_let_into_its_methods_only(void **state)
{
    (void)state;
    const uint32_t worker = 1U << TACIT_ROLE_WORKER;
    const uint32_t keys = 1U << TACIT_ROLE_KEYS | 1U << TACIT_ROLE_GATEWAY;
    static const struct {
        tacit_role_t role;
        bool user, operator, worker, keys;
    } rows[] = {
        {TACIT_ROLE_NONE, false, false, false, false},
        {TACIT_ROLE_ATTESTATION, false, false, false, false},
        {TACIT_ROLE_KEYS, false, false, false, true},
        {TACIT_ROLE_MODELS, false, false, false, false},
        {TACIT_ROLE_GATEWAY, false, false, false, true},
        {TACIT_ROLE_WORKER, false, false, true, false},
        {TACIT_ROLE_USER, true, false, false, false},
        {TACIT_ROLE_OPERATOR, true, true, false, false},
        {TACIT_ROLE_MESH, false, false, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tacit_session_t session = s_session(rows[i].role, s_operator);
        assert_int_equal(s_check(TACIT_CALLER_ANYONE, 0, &session), TACIT_OK);
        const struct {
            tacit_caller_kind_t kind;
            uint32_t roles;
            bool admitted;
        } kinds[] = {{TACIT_CALLER_USER, 0, rows[i].user}, {TACIT_CALLER_OWNER, 0, rows[i].user},
                     {
                         TACIT_CALLER_OPERATOR,
                         0,
                         rows[i].operator},
                         {TACIT_CALLER_ENCLAVE, worker, rows[i].worker},
                         {TACIT_CALLER_ENCLAVE, keys, rows[i].keys},
                         {TACIT_CALLER_ENCLAVE, 0, false},
        };
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            assert_int_equal(s_check(kinds[k].kind, kinds[k].roles, &session),
                             kinds[k].admitted ? TACIT_OK : TACIT_CALLER_REFUSED);
        }
    }
}

static void the_operator_is_a_key_too(void **state)
{
    (void)state;
    tacit_session_t session = s_session(TACIT_ROLE_OPERATOR, s_somebody);
    assert_int_equal(s_check(TACIT_CALLER_OPERATOR, 0, &session), TACIT_CALLER_REFUSED);
    const tacit_method_t method = {.caller = TACIT_CALLER_OPERATOR};
    tacit_session_t chief = s_session(TACIT_ROLE_OPERATOR, s_operator);
    tacit_connection_t row = {.session = &chief};
    assert_int_equal(tacit_caller_check(&method, &row, s_operator, NULL), TACIT_OK);
    assert_int_equal(tacit_caller_check(&method, &row, NULL, NULL), TACIT_CALLER_REFUSED);
}

static void a_role_without_evidence_is_none(void **state)
{
    (void)state;
    tacit_session_t session = s_session(TACIT_ROLE_WORKER, s_somebody);
    const uint32_t worker = 1U << TACIT_ROLE_WORKER;
    assert_int_equal(s_check(TACIT_CALLER_ENCLAVE, worker, &session), TACIT_OK);
    session.peer_attested = false;
    assert_int_equal(s_check(TACIT_CALLER_ENCLAVE, worker, &session), TACIT_CALLER_REFUSED);
    session.peer_attested = true;
    session.peer_result.role = TACIT_ROLE_KEYS;
    assert_int_equal(s_check(TACIT_CALLER_ENCLAVE, worker, &session), TACIT_CALLER_REFUSED);
}

static void a_kind_without_a_rule_is_refused(void **state)
{
    (void)state;
    tacit_session_t session = s_session(TACIT_ROLE_OPERATOR, s_operator);
    assert_int_equal(s_check((tacit_caller_kind_t)77, 0, &session), TACIT_CALLER_REFUSED);
    assert_int_equal(s_check((tacit_caller_kind_t)-1, 0, &session), TACIT_CALLER_REFUSED);
}

static void without_a_live_session_there_is_no_caller(void **state)
{
    (void)state;
    const tacit_method_t method = {.caller = TACIT_CALLER_USER};
    tacit_session_t session = s_session(TACIT_ROLE_USER, s_somebody);
    tacit_connection_t row = {.session = NULL};
    assert_int_equal(tacit_caller_check(&method, NULL, s_operator, NULL), TACIT_NO_SESSION);
    assert_int_equal(tacit_caller_check(&method, &row, s_operator, NULL), TACIT_NO_SESSION);
    row.session = &session;
    assert_int_equal(tacit_caller_check(&method, &row, s_operator, NULL), TACIT_OK);
    row.expired = true;
    assert_int_equal(tacit_caller_check(&method, &row, s_operator, NULL), TACIT_SESSION_EXPIRED);
    row.expired = false;
    row.ended = true;
    assert_int_equal(tacit_caller_check(&method, &row, s_operator, NULL), TACIT_SESSION_EXPIRED);
}

static void an_owner_is_the_key_in_the_arguments(void **state)
{
    (void)state;
    struct {
        uint64_t before;
        tacit_span_t owner;
    } args = {.owner = tacit_span(s_somebody, 32)};
    const tacit_method_t method = {.caller = TACIT_CALLER_OWNER,
                                   .owner_offset = offsetof(__typeof__(args), owner)};
    tacit_session_t session = s_session(TACIT_ROLE_USER, s_somebody);
    tacit_connection_t row = {.session = &session};
    assert_int_equal(tacit_caller_owns(&method, &row, &args, NULL), TACIT_OK);
    args.owner.size = 31;
    assert_int_equal(tacit_caller_owns(&method, &row, &args, NULL), TACIT_CALLER_REFUSED);
    args.owner = tacit_span(NULL, 0);
    assert_int_equal(tacit_caller_owns(&method, &row, &args, NULL), TACIT_CALLER_REFUSED);
    args.owner = tacit_span(s_operator, 32);
    assert_int_equal(tacit_caller_owns(&method, &row, &args, NULL), TACIT_CALLER_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_is_let_into_its_methods_only),
        cmocka_unit_test(the_operator_is_a_key_too),
        cmocka_unit_test(a_role_without_evidence_is_none),
        cmocka_unit_test(a_kind_without_a_rule_is_refused),
        cmocka_unit_test(without_a_live_session_there_is_no_caller),
        cmocka_unit_test(an_owner_is_the_key_in_the_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
