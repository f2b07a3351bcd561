/*  sgx_extension.c - DER by hand: a fixed tree of SEQUENCE { OBJECT IDENTIFIER, value }.

    Everything is of bounded size, far below TACIT_SGX_EXTENSION_MAX; a writer that runs over it is
    a programmer error and aborts.  */

#include "services/platform/sgx_extension.h"

#include <stdlib.h>

enum {
    S_INTEGER = 0x02,
    S_OCTETS = 0x04,
    S_OID = 0x06,
    S_ENUMERATED = 0x0a,
    S_SEQUENCE = 0x30,
    S_ITEM_MAX = 400, /* the TCB, the largest inner value */
    S_OID_DEPTH_MAX = 2
};

typedef struct {
    uint8_t data[S_ITEM_MAX + 8];
    size_t size;
} s_der_t;

static const uint8_t s_base_oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

static void s_append(s_der_t *der, const void *bytes, size_t size)
{
    if (size > sizeof der->data - der->size) {
        abort();
    }
    memcpy(der->data + der->size, bytes, size);
    der->size += size;
}

/*  Tag and length, in the shortest form as DER wants it.  */
static void s_header(s_der_t *der, uint8_t tag, size_t size)
{
    uint8_t bytes[4] = {tag, (uint8_t)size};
    size_t count = 2;
    if (size > 0xff) {
        bytes[1] = 0x82;
        bytes[2] = (uint8_t)(size >> 8);
        bytes[3] = (uint8_t)size;
        count = 4;
    } else if (size > 0x7f) {
        bytes[1] = 0x81;
        bytes[2] = (uint8_t)size;
        count = 3;
    }
    s_append(der, bytes, count);
}

/*  SEQUENCE { base.path, value }, where value is whole DER already.  */
static void s_pair(s_der_t *der, const uint8_t *path, size_t depth, const s_der_t *value)
{
    size_t oid_size = sizeof s_base_oid + depth;
    s_header(der, S_SEQUENCE, 2 + oid_size + value->size);
    s_header(der, S_OID, oid_size);
    s_append(der, s_base_oid, sizeof s_base_oid);
    s_append(der, path, depth);
    s_append(der, value->data, value->size);
}

static void s_octets(s_der_t *der, const uint8_t *path, size_t depth, const uint8_t *bytes,
                     size_t size)
{
    s_der_t value = {.size = 0};
    s_header(&value, S_OCTETS, size);
    s_append(&value, bytes, size);
    s_pair(der, path, depth, &value);
}

/*  A number whose top bit is set takes a zero before it: DER integers are signed.  */
static void s_number(s_der_t *der, const uint8_t *path, size_t depth, uint8_t tag, uint16_t number)
{
    const uint8_t bytes[3] = {0, (uint8_t)(number >> 8), (uint8_t)number};
    size_t skip = 0;
    while (skip < 2 && bytes[skip] == 0 && bytes[skip + 1] < 0x80) {
        skip++;
    }
    s_der_t value = {.size = 0};
    s_header(&value, tag, sizeof bytes - skip);
    s_append(&value, bytes + skip, sizeof bytes - skip);
    s_pair(der, path, depth, &value);
}

static void s_tcb(s_der_t *der, const tacit_sgx_platform_t *platform)
{
    s_der_t inner = {.size = 0};
    uint8_t path[S_OID_DEPTH_MAX] = {2, 0};
    for (size_t i = 0; i < TACIT_TCB_COMPONENTS; i++) {
        path[1] = (uint8_t)(i + 1);
        s_number(&inner, path, 2, S_INTEGER, platform->components[i]);
    }
    path[1] = 17;
    s_number(&inner, path, 2, S_INTEGER, platform->pcesvn);
    path[1] = 18;
    s_octets(&inner, path, 2, platform->cpusvn, sizeof platform->cpusvn);

    s_der_t sequence = {.size = 0};
    s_header(&sequence, S_SEQUENCE, inner.size);
    s_append(&sequence, inner.data, inner.size);
    s_pair(der, path, 1, &sequence);
}

size_t tacit_sgx_extension_encode(const tacit_sgx_platform_t *platform,
                                  uint8_t ret_der[TACIT_SGX_EXTENSION_MAX])
{
    static const uint8_t ppid = 1;
    static const uint8_t pceid = 3;
    static const uint8_t fmspc = 4;
    static const uint8_t sgx_type = 5;

    /*  The TCB alone nearly fills one s_der_t, so that the parts before and after have their own.
     */
    s_der_t head = {.size = 0};
    s_der_t tcb = {.size = 0};
    s_der_t tail = {.size = 0};
    s_octets(&head, &ppid, 1, platform->ppid, sizeof platform->ppid);
    s_tcb(&tcb, platform);
    s_octets(&tail, &pceid, 1, platform->pceid, sizeof platform->pceid);
    s_octets(&tail, &fmspc, 1, platform->fmspc, sizeof platform->fmspc);
    s_number(&tail, &sgx_type, 1, S_ENUMERATED, 0);

    s_der_t outer = {.size = 0};
    size_t size = head.size + tcb.size + tail.size;
    s_header(&outer, S_SEQUENCE, size);
    if (outer.size + size > TACIT_SGX_EXTENSION_MAX) {
        abort();
    }
    const s_der_t *parts[] = {&outer, &head, &tcb, &tail};
    size_t offset = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        memcpy(ret_der + offset, parts[i]->data, parts[i]->size);
        offset += parts[i]->size;
    }
    return offset;
}
