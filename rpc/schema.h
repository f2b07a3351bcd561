/*  schema.h - the const tables that idlc writes and one small codec reads.

    A record describes a C struct: which field has which number, kind, bound and place. Nothing
    else is generated for encoding, so that what must be audited is rpc/codec.c alone.  */

#ifndef TACIT_RPC_SCHEMA_H
#define TACIT_RPC_SCHEMA_H

#include "enclave/error.h"
#include "enclave/role.h"
#include "enclave/span.h"

typedef enum tacit_kind {
    TACIT_KIND_BOOL,   /* bool */
    TACIT_KIND_U8,     /* uint8_t */
    TACIT_KIND_U16,    /* uint16_t */
    TACIT_KIND_U32,    /* uint32_t */
    TACIT_KIND_U64,    /* uint64_t */
    TACIT_KIND_I32,    /* int32_t */
    TACIT_KIND_I64,    /* int64_t */
    TACIT_KIND_F64,    /* double */
    TACIT_KIND_STRING, /* tacit_span_t, UTF-8, no NUL inside */
    TACIT_KIND_BYTES,  /* tacit_span_t */
    TACIT_KIND_SECRET, /* tacit_span_t of plaintext; on the wire sealed under the session's key */
    TACIT_KIND_ENUM,   /* the IDL's enum, stored as uint32_t; on the wire its number */
    TACIT_KIND_STRUCT  /* the struct itself, inline */
} tacit_kind_t;

typedef struct tacit_record tacit_record_t;

typedef struct tacit_field {
    const char *name;
    uint32_t number;              /* map key on the wire, 1.. */
    tacit_kind_t kind;            /* of the value, or of the elements where list */
    bool list;                    /* struct { T *items; size_t count; } */
    bool optional;                /* may be absent; see has_offset */
    size_t offset;                /* of the value in the struct */
    size_t has_offset;            /* of the bool has_NAME, where optional */
    uint64_t min;                 /* string, bytes, secret: least bytes */
    uint64_t max;                 /* string, bytes, secret: most bytes */
    uint32_t list_max;            /* most elements, where list */
    const tacit_record_t *record; /* of struct kinds */
    const uint32_t *enum_values;  /* of enum kinds, ascending */
    size_t enum_count;
} tacit_field_t;

struct tacit_record {
    const char *name;            /* "keys.grant" */
    size_t size;                 /* sizeof the struct */
    const tacit_field_t *fields; /* ascending by number */
    size_t field_count;
    size_t encoded_max; /* bytes the encoding may take at most */
};

/*  Who may call. USER is any session whose peer is a user (the operator too).  */
typedef enum tacit_caller_kind {
    TACIT_CALLER_ANYONE,   /* no session needed */
    TACIT_CALLER_USER,     /* session of a user */
    TACIT_CALLER_OWNER,    /* session of a user whose CURVE key is in args.<owner_field> */
    TACIT_CALLER_OPERATOR, /* session of the operator */
    TACIT_CALLER_ENCLAVE   /* attested session of one of the roles in roles */
} tacit_caller_kind_t;

typedef struct tacit_call tacit_call_t;

/*  What a stream of a method may hold; chunk_max 0: there is none.  */
typedef struct tacit_stream_bounds {
    uint32_t chunk_max;  /* bytes of one chunk, which has at least one */
    uint64_t total_max;  /* bytes of all, those before the offset it was opened with included */
    bool resumable;      /* a lost one is opened again with the bytes that its receiver has */
    size_t offset_place; /* of the u64 in args that says them, of a resumable stream_out */
} tacit_stream_bounds_t;

/*  A number of calls of a method; 0: no bound.  */
typedef struct tacit_share {
    uint32_t all;        /* of all callers together */
    uint32_t per_caller; /* of one */
} tacit_share_t;

/*  Answers that are kept by idempotency key, so that a call may be sent again with its key.  */
typedef enum tacit_keyed {
    TACIT_KEYED_NONE,
    TACIT_KEYED_MEMORY, /* as long as the service runs */
    TACIT_KEYED_DURABLE /* the service's own state knows the key, too (rpc/reply_cache.h) */
} tacit_keyed_t;

typedef struct tacit_method {
    const char *name; /* "keys.grant" */
    const tacit_record_t *args;
    const tacit_record_t *result;
    tacit_caller_kind_t caller;
    uint32_t roles;                   /* bit set 1 << tacit_role_t, of TACIT_CALLER_ENCLAVE */
    size_t owner_offset;              /* of a tacit_span_t in args, of TACIT_CALLER_OWNER */
    uint32_t deadline_ms;             /* default and most */
    bool idempotent;                  /* may be sent again: once more does no more */
    bool blocking;                    /* its handler runs in the server's pool of threads */
    tacit_share_t limit;              /* calls that run at once */
    tacit_share_t queue;              /* calls that wait until they may; 0: none waits */
    tacit_keyed_t keyed;              /* may be sent again with its idempotency key */
    uint64_t bulk_in_max;             /* bytes of the request's bulk frame; 0: none allowed */
    uint64_t bulk_out_max;            /* of the reply's */
    tacit_stream_bounds_t stream_in;  /* chunks that the caller sends */
    tacit_stream_bounds_t stream_out; /* and that the handler sends */
    /*  Calls the typed handler of that method in the generated handlers struct.  */
    tacit_status_t (*invoke)(const void *handlers, void *self, tacit_call_t *call, const void *args,
                             void *ret_result);
} tacit_method_t;

typedef struct tacit_error_row {
    const char *name;
    int code;
    const char *text;
} tacit_error_row_t;

typedef struct tacit_service {
    const char *name;
    uint32_t number;
    const char *text;        /* the IDL's text, for describe */
    uint8_t sha256[32];      /* of that text */
    const uint8_t *contract; /* the same as data: idl/contract.idl's record, encoded */
    size_t contract_size;
    const tacit_method_t *methods; /* ascending by name */
    size_t method_count;
    const tacit_error_row_t *errors;
    size_t error_count;
} tacit_service_t;

static inline bool tacit_method_has_streams(const tacit_method_t *method)
{
    return method->stream_in.chunk_max > 0 || method->stream_out.chunk_max > 0;
}

#endif
