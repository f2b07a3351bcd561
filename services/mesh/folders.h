/*  folders.h - the layout of a mesh's state folder, in one place.

        trust.json          what a remote user is handed
        operator/public.json  the operator's public keys, from tacit-operator
        platform/ attestation/ keys/ models/ gateway/ worker/   one folder per service
        run/platform.sock   the platform
        run/mesh.json       the supervisor: endpoint and CURVE key
        run/lock            held while a supervisor runs
        log/NAME.log        what the processes say  */

#ifndef TACIT_SERVICES_MESH_FOLDERS_H
#define TACIT_SERVICES_MESH_FOLDERS_H

#include "enclave/error.h"
#include "rpc/trust.h"

enum { TACIT_FOLDER_MAX = 480, TACIT_FILE_MAX = 512 };

/*  STATE/NAME. BAD_INPUT where that is too long.  */
TACIT_MUST_CHECK tacit_status_t tacit_folder_path(const char *state, const char *name,
                                                  char ret_path[TACIT_FILE_MAX],
                                                  tacit_error_t *ret_error);

/*  Make STATE and all its folders, mode 0700.  */
TACIT_MUST_CHECK tacit_status_t tacit_folders_make(const char *state, tacit_error_t *ret_error);

/*  Take the lock of a running supervisor; ALREADY_EXISTS where one runs. The descriptor is kept
    open for as long.  */
TACIT_MUST_CHECK tacit_status_t tacit_folders_lock(const char *state, int *ret_fd,
                                                   tacit_error_t *ret_error);

/*  What the mesh in this folder is, or is to be: as trust.json says where there is one, else as
    wanted ("": SGX). BAD_INPUT where trust.json says another than is wanted, or nothing is called
    so.  */
TACIT_MUST_CHECK tacit_status_t tacit_folders_tee(const char *state, const char *wanted,
                                                  tacit_tee_t *ret_tee, tacit_error_t *ret_error);

/*  trust.json of this state: made from the platform's root (platform/root.der), the operator's
    public keys and the signature file of bin/tacit-attestd where there is none yet; where there is
    one, its root and operator must still be these.  */
TACIT_MUST_CHECK tacit_status_t tacit_folders_trust(const char *state, const char *bin,
                                                    const char *introduction, tacit_tee_t tee,
                                                    tacit_trust_t *ret_trust,
                                                    tacit_error_t *ret_error);

/*  The operator's public keys.  */
TACIT_MUST_CHECK tacit_status_t tacit_folders_operator(const char *state, uint8_t ret_curve[32],
                                                       uint8_t ret_signing[32],
                                                       tacit_error_t *ret_error);

/*  Tell where the supervisor serves, and which program its workers are: run/mesh.json.  */
TACIT_MUST_CHECK tacit_status_t tacit_folders_announce(const char *state, const char *endpoint,
                                                       const uint8_t curve_key[32],
                                                       const char *worker,
                                                       tacit_error_t *ret_error);

#endif
