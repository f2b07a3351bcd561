/*  tile_sizes.h - outputs and blocks of features that a tile holds in the registers there are.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_TILE_SIZES_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_TILE_SIZES_H

#include "services/inference/engine/portable/lanes.h"

#if TACIT_LANES == 16
enum { TILE = 14, BLOCKS = 2, BLOCKS_WIDE = 4, TILE_WIDE = 7 };
#elif TACIT_LANES == 8
enum { TILE = 6, BLOCKS = 1, BLOCKS_WIDE = 2, TILE_WIDE = 2 };
#else
enum { TILE = 3, BLOCKS = 1, BLOCKS_WIDE = 1, TILE_WIDE = 3 };
#endif

#endif
