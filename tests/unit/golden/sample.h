/*  sample.h - Shows every construct once.

    Written by idlc from sample.idl; not to be edited. Who owns what spans and lists
    point to is said in rpc/codec.h.  */

#ifndef TACIT_IDL_SAMPLE_H
#define TACIT_IDL_SAMPLE_H

#include "rpc/client.h"
#include "rpc/schema.h"

/*  --- errors --------------------------------------------------------------------------------- */

/*  the sample was refused  */
#define TACIT_SAMPLE_REFUSED ((tacit_status_t)900001)
/*  too many samples; Comes after the limit.  */
#define TACIT_SAMPLE_TOO_MANY ((tacit_status_t)900002)

/*  --- enums ---------------------------------------------------------------------------------- */

/*  How a sample ended.  */
typedef enum tacit_sample_outcome {
    TACIT_SAMPLE_OUTCOME_GOOD = 1,
    TACIT_SAMPLE_OUTCOME_BAD = 300 /* had to be repeated */
} tacit_sample_outcome_t;

/*  The name of a value, "unknown" where it has none. Never NULL.  */
const char *tacit_sample_outcome_name(uint32_t value);

/*  --- structs -------------------------------------------------------------------------------- */

typedef struct tacit_sample_point {
    double y;
    double x;
} tacit_sample_point_t;

#define TACIT_SAMPLE_SHAPE_POINTS_MAX 8
/*  Points with a name.  */
typedef struct tacit_sample_shape {
    tacit_span_t name; /* string[1..64] */
    struct {
        tacit_sample_point_t *items;
        size_t count;
    } points; /* list[..8] point */
    /*  since the start  */
    uint32_t ended; /* outcome optional */
    bool has_ended;
} tacit_sample_shape_t;

#define TACIT_SAMPLE_DOCUMENT_PAGES_MAX  16
#define TACIT_SAMPLE_DOCUMENT_TAGS_MAX   4
#define TACIT_SAMPLE_DOCUMENT_STATES_MAX 300
/*  Never sent by a method: the plaintext of a bulk frame.  */
typedef struct tacit_sample_document {
    struct {
        tacit_span_t *items;
        size_t count;
    } pages; /* list[..16] bytes[..1024] */
    struct {
        tacit_span_t *items;
        size_t count;
    } tags; /* list[..4] string[..31] */
    struct {
        uint32_t *items;
        size_t count;
    } states; /* list[..300] outcome */
} tacit_sample_document_t;

/*  --- arguments and results ------------------------------------------------------------------ */

typedef struct tacit_sample_close_args {
    uint64_t number;
} tacit_sample_close_args_t;

typedef struct tacit_sample_close_result {
    uint8_t reserved; /* nothing is sent */
} tacit_sample_close_result_t;

#define TACIT_SAMPLE_CONVERT_ARGS_SHAPES_MAX 32
/*  Every kind of value, there and back.  */
typedef struct tacit_sample_convert_args {
    bool flag;
    uint8_t tiny;
    uint16_t small;
    uint32_t count;
    uint64_t large; /* u64 optional */
    bool has_large;
    int32_t signed_small;
    int64_t signed_large;
    double ratio;
    /*  shown to people  */
    tacit_span_t title;   /* string[..255] */
    tacit_span_t digest;  /* bytes[32] */
    tacit_span_t content; /* bytes[4..65536] optional */
    bool has_content;
    struct {
        tacit_sample_shape_t *items;
        size_t count;
    } shapes; /* list[..32] shape */
} tacit_sample_convert_args_t;

typedef struct tacit_sample_convert_result {
    bool switch_;
    tacit_sample_shape_t best; /* shape optional */
    bool has_best;
} tacit_sample_convert_result_t;

/*  Chunks both ways.  */
typedef struct tacit_sample_flow_args {
    uint64_t offset;
} tacit_sample_flow_args_t;

typedef struct tacit_sample_flow_result {
    uint64_t size;
} tacit_sample_flow_result_t;

/*  Goes on from what the service has.  */
typedef struct tacit_sample_give_args {
    uint8_t reserved; /* nothing is sent */
} tacit_sample_give_args_t;

typedef struct tacit_sample_give_result {
    uint8_t reserved; /* nothing is sent */
} tacit_sample_give_result_t;

/*  Takes its time.  */
typedef struct tacit_sample_ponder_args {
    uint8_t reserved; /* nothing is sent */
} tacit_sample_ponder_args_t;

typedef struct tacit_sample_ponder_result {
    uint8_t reserved; /* nothing is sent */
} tacit_sample_ponder_result_t;

/*  Hands a key over; a C keyword as a name of method and field.  */
typedef struct tacit_sample_register_args {
    tacit_span_t owner; /* bytes[32] */
    tacit_span_t key;   /* secret[32] */
    uint32_t long_;
} tacit_sample_register_args_t;

typedef struct tacit_sample_register_result {
    tacit_span_t key; /* secret[..64] optional */
    bool has_key;
} tacit_sample_register_result_t;

/*  Goes on from what the caller has.  */
typedef struct tacit_sample_take_args {
    tacit_span_t name; /* string[1..64] */
    uint64_t offset;
} tacit_sample_take_args_t;

typedef struct tacit_sample_take_result {
    uint8_t reserved; /* nothing is sent */
} tacit_sample_take_result_t;

typedef struct tacit_sample_transfer_args {
    uint8_t reserved; /* nothing is sent */
} tacit_sample_transfer_args_t;

typedef struct tacit_sample_transfer_result {
    uint8_t reserved; /* nothing is sent */
} tacit_sample_transfer_result_t;

/*  --- tables --------------------------------------------------------------------------------- */

extern const tacit_service_t tacit_sample_service;
extern const tacit_record_t tacit_sample_point_record;
extern const tacit_record_t tacit_sample_shape_record;
extern const tacit_record_t tacit_sample_document_record;
extern const tacit_record_t tacit_sample_close_args_record;
extern const tacit_record_t tacit_sample_close_result_record;
extern const tacit_record_t tacit_sample_convert_args_record;
extern const tacit_record_t tacit_sample_convert_result_record;
extern const tacit_record_t tacit_sample_flow_args_record;
extern const tacit_record_t tacit_sample_flow_result_record;
extern const tacit_record_t tacit_sample_give_args_record;
extern const tacit_record_t tacit_sample_give_result_record;
extern const tacit_record_t tacit_sample_ponder_args_record;
extern const tacit_record_t tacit_sample_ponder_result_record;
extern const tacit_record_t tacit_sample_register_args_record;
extern const tacit_record_t tacit_sample_register_result_record;
extern const tacit_record_t tacit_sample_take_args_record;
extern const tacit_record_t tacit_sample_take_result_record;
extern const tacit_record_t tacit_sample_transfer_args_record;
extern const tacit_record_t tacit_sample_transfer_result_record;

extern const tacit_method_t tacit_sample_methods[8];

/*  Methods by name, each one element of the table above: &NAME is the tacit_method_t that
    tacit_client_start wants.  */
#define tacit_sample_close    (tacit_sample_methods[0])
#define tacit_sample_convert  (tacit_sample_methods[1])
#define tacit_sample_flow     (tacit_sample_methods[2])
#define tacit_sample_give     (tacit_sample_methods[3])
#define tacit_sample_ponder   (tacit_sample_methods[4])
#define tacit_sample_register (tacit_sample_methods[5])
#define tacit_sample_take     (tacit_sample_methods[6])
#define tacit_sample_transfer (tacit_sample_methods[7])

#define TACIT_SAMPLE_TRANSFER_BULK_IN_MAX  65536
#define TACIT_SAMPLE_TRANSFER_BULK_OUT_MAX 262184

/*  --- for the service ------------------------------------------------------------------------ */

/*  What tacit_server_add wants. A method without a handler is refused.  */
typedef struct tacit_sample_handlers {
    tacit_status_t (*close)(void *self, tacit_call_t *call, const tacit_sample_close_args_t *args,
                            tacit_sample_close_result_t *ret_result);
    tacit_status_t (*convert)(void *self, tacit_call_t *call,
                              const tacit_sample_convert_args_t *args,
                              tacit_sample_convert_result_t *ret_result);
    tacit_status_t (*flow)(void *self, tacit_call_t *call, const tacit_sample_flow_args_t *args,
                           tacit_sample_flow_result_t *ret_result);
    tacit_status_t (*give)(void *self, tacit_call_t *call, const tacit_sample_give_args_t *args,
                           tacit_sample_give_result_t *ret_result);
    tacit_status_t (*ponder)(void *self, tacit_call_t *call, const tacit_sample_ponder_args_t *args,
                             tacit_sample_ponder_result_t *ret_result);
    tacit_status_t (*register_)(void *self, tacit_call_t *call,
                                const tacit_sample_register_args_t *args,
                                tacit_sample_register_result_t *ret_result);
    tacit_status_t (*take)(void *self, tacit_call_t *call, const tacit_sample_take_args_t *args,
                           tacit_sample_take_result_t *ret_result);
    tacit_status_t (*transfer)(void *self, tacit_call_t *call,
                               const tacit_sample_transfer_args_t *args,
                               tacit_sample_transfer_result_t *ret_result);
} tacit_sample_handlers_t;

/*  --- for clients: tacit_client_call with the method's own deadline -------------------------- */

TACIT_MUST_CHECK static inline tacit_status_t
tacit_sample_close_call(tacit_client_t *client, const tacit_sample_close_args_t *args,
                        tacit_sample_close_result_t *ret_result, tacit_error_t *ret_error)
{
    return tacit_client_call(client, &tacit_sample_close, args, tacit_span(NULL, 0), 0, ret_result,
                             NULL, ret_error);
}

/*  Every kind of value, there and back.  */
TACIT_MUST_CHECK static inline tacit_status_t
tacit_sample_convert_call(tacit_client_t *client, const tacit_sample_convert_args_t *args,
                          tacit_sample_convert_result_t *ret_result, tacit_error_t *ret_error)
{
    return tacit_client_call(client, &tacit_sample_convert, args, tacit_span(NULL, 0), 0,
                             ret_result, NULL, ret_error);
}

/*  Takes its time.  */
TACIT_MUST_CHECK static inline tacit_status_t
tacit_sample_ponder_call(tacit_client_t *client, const tacit_sample_ponder_args_t *args,
                         tacit_sample_ponder_result_t *ret_result, tacit_error_t *ret_error)
{
    return tacit_client_call(client, &tacit_sample_ponder, args, tacit_span(NULL, 0), 0, ret_result,
                             NULL, ret_error);
}

/*  Hands a key over; a C keyword as a name of method and field.  */
TACIT_MUST_CHECK static inline tacit_status_t
tacit_sample_register_call(tacit_client_t *client, const tacit_sample_register_args_t *args,
                           tacit_sample_register_result_t *ret_result, tacit_error_t *ret_error)
{
    return tacit_client_call(client, &tacit_sample_register, args, tacit_span(NULL, 0), 0,
                             ret_result, NULL, ret_error);
}

TACIT_MUST_CHECK static inline tacit_status_t
tacit_sample_transfer_call(tacit_client_t *client, const tacit_sample_transfer_args_t *args,
                           tacit_span_t bulk, tacit_sample_transfer_result_t *ret_result,
                           tacit_span_t *ret_bulk, tacit_error_t *ret_error)
{
    return tacit_client_call(client, &tacit_sample_transfer, args, bulk, 0, ret_result, ret_bulk,
                             ret_error);
}

#endif
