/*  lane_seal.h - one direction of a bulk lane: its key, and frames sealed under it.

    A lane belongs to an attested session and carries its large bulks beside CURVE (lane_sender.h,
    lane_receiver.h). Keys are those of its session, of this lane and of one direction:

        X(label, context) = HMAC-SHA512(exporter, transcript label: lane id, context || 1)
        key   = first 32 bytes of X("tacit/lane/key/v1", side that sends, cipher)
        token = first 16 bytes of X("tacit/lane/token/v1")
        frame = header (lane id, sequence) || ciphertext || tag

    The nonce is the sequence, which no key sees twice; associated data is the header and the side
    that sends. So a frame opens only for its lane, its direction and its place.  */

#ifndef TACIT_RPC_LANE_SEAL_H
#define TACIT_RPC_LANE_SEAL_H

#include "enclave/binding.h"
#include "enclave/schedule.h"

enum {
    TACIT_LANE_ID_SIZE = 16,
    TACIT_LANE_TOKEN_SIZE = 16,
    TACIT_LANE_HEADER_SIZE = TACIT_LANE_ID_SIZE + 8,
    TACIT_LANE_TAG_SIZE = 16,
    TACIT_LANE_OVERHEAD = TACIT_LANE_HEADER_SIZE + TACIT_LANE_TAG_SIZE
};

typedef enum tacit_lane_cipher {
    TACIT_LANE_AES256_GCM = 1,
    TACIT_LANE_CHACHA20_POLY1305 = 2
} tacit_lane_cipher_t;

/*  The cipher that this CPU is best at: AES where it has instructions for it.  */
tacit_lane_cipher_t tacit_lane_cipher_best(void);

/*  What admits the lane's connection, once.  */
void tacit_lane_token(const uint8_t exporter[32], const uint8_t id[TACIT_LANE_ID_SIZE],
                      uint8_t ret_token[TACIT_LANE_TOKEN_SIZE]);

typedef struct tacit_lane_seal tacit_lane_seal_t;

/*  What that side sends is sealed, or else opened. BAD_INPUT for no cipher, NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_lane_seal_new(const uint8_t exporter[32],
                                                    const uint8_t id[TACIT_LANE_ID_SIZE],
                                                    tacit_lane_cipher_t cipher, tacit_side_t sender,
                                                    bool sealing, tacit_lane_seal_t **ret_seal);
void tacit_lane_seal_destroy(tacit_lane_seal_t **seal);

/*  Write a whole frame: plaintext.size + TACIT_LANE_OVERHEAD bytes. The plaintext may lie where the
    ciphertext will. INTERNAL where the cipher fails.  */
TACIT_MUST_CHECK tacit_status_t tacit_lane_seal(tacit_lane_seal_t *seal, uint64_t sequence,
                                                tacit_span_t plaintext, uint8_t *ret_frame);

/*  The sequence that a foreign frame claims; false where it is too short or of another lane.  */
bool tacit_lane_seal_sequence(const tacit_lane_seal_t *seal, tacit_span_t frame,
                              uint64_t *ret_sequence);

/*  Open a foreign frame of that sequence into frame.size - TACIT_LANE_OVERHEAD bytes, which may be
    those of its ciphertext. PROTOCOL_ERROR for another header, CORRUPT where it does not open.  */
TACIT_MUST_CHECK tacit_status_t tacit_lane_seal_open(tacit_lane_seal_t *seal, uint64_t sequence,
                                                     tacit_span_t frame, uint8_t *ret_plaintext);

/*  The lane that a foreign frame names; NULL where it is too short for any.  */
const uint8_t *tacit_lane_frame_id(tacit_span_t frame);

#endif
