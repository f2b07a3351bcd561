/*  text.h - inside the engine: a model's bytes as memory, once they are read.

    The elements of large weights stay in the pages that they came in, moved together at their
    front. What is behind them becomes spare.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_TEXT_H
#define TACIT_SERVICES_INFERENCE_ENGINE_TEXT_H

#include "services/inference/engine/engine.h"
#include "services/inference/engine/memory.h"

tacit_span_t tacit_engine_text_span(const tacit_engine_text_t *text);

/*  A block (memory.h) of these bytes, which lie behind all that were kept before; what is before
    them is not needed any more. NULL where they are few, or there is no room for the block.  */
void *tacit_engine_text_keep(tacit_engine_text_t *text, tacit_span_t bytes, tacit_budget_t *budget);

/*  All was read: wipes what was not kept. The pages, spare from now on; NULL where there is no
    memory. They live as long as the text, which must outlive the blocks.  */
tacit_spare_t *tacit_engine_text_end(tacit_engine_text_t *text);

#endif
