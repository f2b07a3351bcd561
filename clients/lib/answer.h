/*  answer.h - what came back for one request, opened and verified, with the proof of where it came
    from.  */

#ifndef TACIT_CLIENTS_ANSWER_H
#define TACIT_CLIENTS_ANSWER_H

#include "clients/lib/tensor.h"
#include "enclave/envelope.h"
#include "enclave/result.h"

enum {
    TACIT_ANSWER_OUTPUTS_MAX = TACIT_INFERENCE_RESPONSE_OUTPUTS_MAX,
    TACIT_ANSWER_LABELS_MAX = 4096 /* bytes, without the final NUL */
};

/*  Where the time went, in microseconds.  */
typedef struct tacit_phases {
    uint64_t seal_us;    /* client: encode and seal the request */
    uint64_t queued_us;  /* gateway: until a worker took it */
    uint64_t worker_us;  /* gateway: until the worker had answered; holds the next five */
    uint64_t load_us;    /* worker: keys and model */
    uint64_t open_us;    /* worker: open the request */
    uint64_t run_us;     /* worker: the engine */
    uint64_t answer_us;  /* worker: encode and seal the answer */
    uint64_t receipt_us; /* worker: hash and sign the receipt */
    uint64_t verify_us;  /* client: verify the receipt, open the answer */
    uint64_t total_us;   /* client: from sealing to the opened answer */
} tacit_phases_t;

typedef struct tacit_answer {
    uint64_t tag; /* as the request's */
    tacit_tensor_t outputs[TACIT_ANSWER_OUTPUTS_MAX];
    size_t output_count;
    char labels[TACIT_ANSWER_LABELS_MAX + 1]; /* class names, comma-separated; may be empty */
    tacit_phases_t phases;
    tacit_receipt_t receipt;
    uint8_t receipt_bytes[TACIT_RECEIPT_SIZE];
    uint8_t result_bytes[TACIT_RESULT_SIZE];
    uint8_t *sealed_request; /* shared bytes, those that the receipt's digests are of */
    size_t sealed_request_size;
    uint8_t *sealed_response; /* owned */
    size_t sealed_response_size;
} tacit_answer_t;

/*  The plaintext of an answer into outputs, labels and the worker's phases. Where the worker could
    not run the request, its own explanation (INFERENCE_INPUT_REFUSED, as a rule); PROTOCOL_ERROR
    where the plaintext is none of ours. Release the answer in any case.  */
TACIT_MUST_CHECK tacit_status_t tacit_answer_decode(tacit_span_t plaintext, tacit_answer_t *answer,
                                                    tacit_error_t *ret_error);

/*  Wipes the outputs and clears the answer. NULL-safe, idempotent.  */
void tacit_answer_release(tacit_answer_t *answer);

#endif
