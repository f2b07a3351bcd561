/*  model_file.h - the ONNX file that an owner pushes, read a chunk at a time.

    Opening looks at the outermost structure only, so that a wrong file is refused here and not at
    the first inference; whether the workers compute this model is for them to say.  */

#ifndef TACIT_CLIENTS_MLOWNER_MODEL_FILE_H
#define TACIT_CLIENTS_MLOWNER_MODEL_FILE_H

#include <sys/stat.h>

#include "clients/mlowner/package.h"

typedef struct tacit_model_file {
    int file; /* -1: none */
    const char *path;
    struct stat about; /* as it was opened */
} tacit_model_file_t;

/*  BAD_INPUT where it cannot be read or is no ONNX model; TOO_LARGE. Close it in any case.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_file_open(const char *path,
                                                      tacit_model_file_t *ret_file,
                                                      tacit_error_t *ret_error);
void tacit_model_file_close(tacit_model_file_t *file);

/*  A tacit_chunk_source_t whose context is the file. BAD_INPUT where it changed meanwhile.  */
tacit_status_t tacit_model_file_chunk(void *context, uint32_t index, uint8_t *ret_plaintext,
                                      size_t size, tacit_error_t *ret_error);

#endif
