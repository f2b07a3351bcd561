/*  text.h - inside the engine: what it has read of a model's bytes is not needed any more.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_TEXT_H
#define TACIT_SERVICES_INFERENCE_ENGINE_TEXT_H

#include "services/inference/engine/engine.h"

#include <stdbool.h>

tacit_span_t tacit_engine_text_span(const tacit_engine_text_t *text);

/*  Wipes everything before `upto`, and gives its pages back.  */
void tacit_engine_text_spend(tacit_engine_text_t *text, const uint8_t *upto);

#endif
