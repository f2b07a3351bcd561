/*  role.c - the roles' names, one table for both directions.  */

#include "enclave/role.h"

#include <stddef.h>
#include <string.h>

static const struct {
    tacit_role_t role;
    const char *name;
} s_roles[] = {
    {TACIT_ROLE_NONE, "none"},       {TACIT_ROLE_ATTESTATION, "attestation"},
    {TACIT_ROLE_KEYS, "keys"},       {TACIT_ROLE_MODELS, "models"},
    {TACIT_ROLE_GATEWAY, "gateway"}, {TACIT_ROLE_WORKER, "worker"},
    {TACIT_ROLE_USER, "user"},       {TACIT_ROLE_OPERATOR, "operator"},
    {TACIT_ROLE_MESH, "mesh"},
};

enum { S_ROLE_COUNT = sizeof s_roles / sizeof s_roles[0] };

const char *tacit_role_name(tacit_role_t role)
{
    for (size_t i = 0; i < S_ROLE_COUNT; i++) {
        if (s_roles[i].role == role) {
            return s_roles[i].name;
        }
    }
    return s_roles[0].name;
}

tacit_role_t tacit_role_from_name(const char *name)
{
    for (size_t i = 0; i < S_ROLE_COUNT; i++) {
        if (strcmp(s_roles[i].name, name) == 0) {
            return s_roles[i].role;
        }
    }
    return TACIT_ROLE_NONE;
}
