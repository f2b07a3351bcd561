/*  convolution.h - what the ways of the portable backend to convolve blocked maps share.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_CONVOLUTION_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_CONVOLUTION_H

#include "services/inference/engine/portable/portable.h"

typedef struct tacit_convolution {
    tacit_frame_t frame; /* dimensions 1 and 2 are in use; 0 of volumes */
    tacit_finish_t finish;
    tacit_blocked_t from, to;
    bool plain;                  /* the input is row-major */
    bool flat;                   /* a window of 1: the map is one row */
    bool add;                    /* to what the output holds */
    bool volume;                 /* three dimensions (volume.c) */
    bool spread;                 /* several groups in a block (groups.c) */
    size_t groups;               /* else each with whole blocks, or each one channel */
    size_t blocks;               /* of channels in a group; most that a block of features takes */
    size_t last;                 /* channels of a group's last block */
    size_t features;             /* of a group */
    size_t channels;             /* of a group, as the weights have them */
    size_t depth, height, width; /* of the padded input; depth 1 but for volumes */
    size_t tiles;                /* of Winograd's way: how many at once.. */
    int threads;                 /* ..who shares the work.. */
    bool side_by_side; /* ..and whether channels lie so, in input and output, not in blocks */
    const float *w, *bias;
} tacit_convolution_t;

/*  A way to convolve.  */
typedef struct tacit_way {
    const char *how;
    uint64_t kind; /* of packing */
    size_t size;   /* of the packed weights */
    size_t scratch;
    tacit_fill_t fill;
    tacit_kernel_t run;
} tacit_way_t;

/*  What the shapes say of a Conv by constants; false where the loops do not take it.  */
bool tacit_convolution_describe(const tacit_inference_t *inference,
                                tacit_convolution_t *ret_convolution);

/*  Choose a way, and pack weights and bias for it. possible: whether the weights are still there.
 */
bool tacit_convolution_possible(const tacit_planner_t *planner, const tacit_graph_node_t *node,
                                tacit_convolution_t *convolution);
TACIT_MUST_CHECK tacit_status_t tacit_convolution_prepare(tacit_planner_t *planner,
                                                          const tacit_graph_node_t *node,
                                                          tacit_convolution_t *convolution,
                                                          tacit_way_t *ret_way);

/*  Groups that do not fill blocks: whether they are worth it (then `spread` and `blocks` are set);
    how to pack; and the channels that a block of features takes, from the returned block on. An
    infinite channel makes NaN in other groups: not for plans that are careful.  */
bool tacit_groups_fit(tacit_convolution_t *convolution);
void tacit_groups_fill(const void *convolution, const void *source, void *ret_packed);
size_t tacit_groups_aim(const tacit_convolution_t *convolution, size_t block, tacit_tile_t *tile);

/*  Places of the window.  */
size_t tacit_convolution_window(const tacit_convolution_t *convolution);

/*  Rows of a depthwise convolution of one block of channels; x and y are the block's.  */
tacit_depth_t tacit_convolution_depth(const tacit_convolution_t *convolution, size_t block,
                                      const float *x);
bool tacit_convolution_is_depthwise(const tacit_convolution_t *convolution);

/*  A tile of a convolution of blocked maps without padding.  */
tacit_tile_t tacit_convolution_tile(const tacit_convolution_t *convolution);

/*  How many blocks of features to make at once; and some of them, all rows of an image (of a plane
    of a volume's outputs). x: without padding; y: the first block's.  */
size_t tacit_convolution_step(const tacit_convolution_t *convolution);
void tacit_convolution_run_blocks(const tacit_convolution_t *convolution, const float *x, float *y,
                                  size_t block, size_t count);

/*  A convolution in three dimensions, row-major on both sides.  */
TACIT_MUST_CHECK tacit_status_t tacit_portable_volume(tacit_planner_t *planner,
                                                      const tacit_inference_t *inference,
                                                      const tacit_convolution_t *found,
                                                      bool *ret_done);

/*  Two convolutions as one step, where what is between them is large: one with a window of 1, and a
    depthwise one, in this order or the other. The map between never exists as a whole.  */
TACIT_MUST_CHECK tacit_status_t tacit_portable_pair(tacit_planner_t *planner,
                                                    const tacit_inference_t *inference,
                                                    bool *ret_done);

/*  Winograd's way, in tiles of 2 x 2 outputs: 4 multiplications instead of 9 for windows of 3 x 3.
    Its sums and differences lose about two bits, and turn infinity into NaN, so it is not for plans
    that are careful. fits: also says how to divide the work.  */
bool tacit_winograd_fits(const tacit_planner_t *planner, tacit_convolution_t *convolution);

/*  The same between maps of oneDNN, whose channels lie side by side, or in blocks of 16.  */
TACIT_MUST_CHECK tacit_status_t tacit_portable_winograd(tacit_planner_t *planner,
                                                        const tacit_inference_t *inference,
                                                        bool *ret_done);

/*  Whether the channels of what lies in the slot do so.  */
bool tacit_convolution_is_side_by_side(const tacit_planner_t *planner, int slot);

/*  Bytes of packed weights, and beside a run; how to pack (tacit_fill_t), how to run.  */
size_t tacit_winograd_size(const tacit_convolution_t *convolution);
size_t tacit_winograd_scratch(const tacit_convolution_t *convolution);
void tacit_winograd_fill(const void *convolution, const void *source, void *ret_packed);
const char *tacit_winograd_run(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                               size_t input_count, tacit_tensor_t *outputs, size_t output_count);

#endif
