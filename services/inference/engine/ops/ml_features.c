/*  ml_features.c - what prepares features for a model of ai.onnx.ml, and labels after it: Scaler,
    Normalizer, Binarizer, Imputer, OneHotEncoder, ArrayFeatureExtractor, FeatureVectorizer,
    LabelEncoder, ZipMap. Text is refused everywhere; maps are plain tensors.  */

#include "services/inference/engine/ops/ml.h"
#include "services/inference/engine/ops/ops.h"

#include <math.h>

/*  Comparisons of one node: what long lists may cost, as a kernel is not cancelled.  */
static const uint64_t s_comparisons_max = (uint64_t)1 << 34;

static tacit_status_t s_refuse_text(const tacit_inference_t *inference)
{
    return tacit_graph_node_refuse(inference->node, inference->error, TACIT_UNSUPPORTED,
                                   "text is not computed: encode it as numbers before exporting");
}

static size_t s_last(const tacit_shape_t *shape)
{
    return shape->rank > 0 ? (size_t)shape->dims[shape->rank - 1] : 1;
}

/*  A list has one item, or one for each column.  */
static bool s_fits(size_t count, const tacit_shape_t *shape)
{
    return count == 0 || count == 1 || count == s_last(shape);
}

/*  Item i of a list that repeats with the columns.  */
static float s_item(const tacit_ml_reals_t *list, size_t i, float fallback)
{
    return list->count == 0 ? fallback : list->items[i % list->count];
}

/* --- Scaler, Binarizer ------------------------------------------------------------------------ */

TACIT_INFER(scaler)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *shape = &inference->inputs[0].shape;
    inference->parameters->node.node = node;
    if (!s_fits(tacit_ml_reals(node, "offset").count, shape) ||
        !s_fits(tacit_ml_reals(node, "scale").count, shape)) {
        return tacit_infer_refuse(inference, "it has not one number per column");
    }
    return tacit_infer_same(inference);
}

TACIT_KERNEL(scaler)
{
    (void)input_count, (void)output_count;
    tacit_ml_reals_t offset = tacit_ml_reals(parameters->node.node, "offset");
    tacit_ml_reals_t scale = tacit_ml_reals(parameters->node.node, "scale");
    float *to = outputs[0].data;
    for (size_t i = 0; i < outputs[0].count; i++) {
        float x = (float)tacit_element_real(&inputs[0], i);
        to[i] = (x - s_item(&offset, i, 0.0F)) * s_item(&scale, i, 1.0F);
    }
    return NULL;
}

TACIT_INFER(binarizer)
{
    inference->parameters->node.node = inference->node;
    return tacit_infer_same(inference);
}

/*  A number as an element of any type that fits it.  */
static void s_put(tacit_tensor_t *tensor, size_t i, double x)
{
    switch (tensor->dtype) {
    case TACIT_DTYPE_FLOAT32:
        ((float *)tensor->data)[i] = (float)x;
        break;
    case TACIT_DTYPE_FLOAT64:
        ((double *)tensor->data)[i] = x;
        break;
    case TACIT_DTYPE_INT64:
        ((int64_t *)tensor->data)[i] = tacit_saturate(x, INT64_MIN, INT64_MAX);
        break;
    case TACIT_DTYPE_INT32:
        ((int32_t *)tensor->data)[i] = (int32_t)tacit_saturate(x, INT32_MIN, INT32_MAX);
        break;
    default:
        ((uint8_t *)tensor->data)[i] = (uint8_t)tacit_saturate(x, INT8_MIN, UINT8_MAX);
        break;
    }
}

TACIT_KERNEL(binarizer)
{
    (void)input_count, (void)output_count;
    double threshold = (double)tacit_graph_node_real(parameters->node.node, "threshold", 0.0F);
    for (size_t i = 0; i < outputs[0].count; i++) {
        s_put(&outputs[0], i, tacit_element_real(&inputs[0], i) > threshold ? 1 : 0);
    }
    return NULL;
}

/* --- Normalizer ------------------------------------------------------------------------------- */

typedef enum s_norm { MAX, L1, L2, NORMS } s_norm_t;

static s_norm_t s_norm(const tacit_graph_node_t *node)
{
    static const char *const names[] = {[MAX] = "MAX", [L1] = "L1", [L2] = "L2"};
    const char *name = tacit_graph_node_text(node, "norm", "MAX");
    size_t i = 0;
    while (i < NORMS && strcmp(name, names[i]) != 0) {
        i++;
    }
    return (s_norm_t)i;
}

TACIT_INFER(normalizer)
{
    tacit_ml_table_t table;
    s_norm_t norm = s_norm(inference->node);
    if (norm == NORMS || !tacit_ml_table(&inference->inputs[0], &table)) {
        return tacit_infer_refuse(inference, "its norm is unknown, or its input no table");
    }
    inference->parameters->node.mode = (int64_t)norm;
    return tacit_infer_same(inference);
}

/*  What a row is divided by; 1 where that would be 0.  */
static double s_length(const tacit_ml_table_t *table, size_t row, s_norm_t norm)
{
    double largest = -HUGE_VAL;
    double sum = 0;
    for (size_t i = row * table->columns; i < (row + 1) * table->columns; i++) {
        double x = tacit_element_real(table->tensor, i);
        largest = fmax(largest, x);
        sum += norm == L1 ? fabs(x) : x * x;
    }
    double length = norm == MAX ? largest : sum;
    length = norm == L2 ? sqrt(length) : length;
    return length != 0 ? length : 1;
}

TACIT_KERNEL(normalizer)
{
    (void)input_count, (void)output_count;
    tacit_ml_table_t table;
    if (!tacit_ml_table(&inputs[0], &table)) {
        return "its input is no table";
    }
    for (size_t row = 0; row < table.rows; row++) {
        double length = s_length(&table, row, (s_norm_t)parameters->node.mode);
        for (size_t i = row * table.columns; i < (row + 1) * table.columns; i++) {
            ((float *)outputs[0].data)[i] = (float)(tacit_element_real(&inputs[0], i) / length);
        }
    }
    return NULL;
}

/* --- Imputer ---------------------------------------------------------------------------------- */

static bool s_is_real(tacit_dtype_t dtype)
{
    return (TACIT_TYPES_FLOAT & TACIT_TYPE_BIT(dtype)) != 0;
}

TACIT_INFER(imputer)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_attribute_t *list = tacit_graph_node_attribute(
        node,
        s_is_real(inference->inputs[0].dtype) ? "imputed_value_floats" : "imputed_value_int64s");
    if (list == NULL || list->count == 0 || !s_fits(list->count, &inference->inputs[0].shape)) {
        return tacit_infer_refuse(inference, "it has not one number per column");
    }
    inference->parameters->node.node = node;
    return tacit_infer_same(inference);
}

TACIT_KERNEL(imputer)
{
    (void)input_count, (void)output_count;
    const tacit_graph_node_t *node = parameters->node.node;
    bool real = s_is_real(inputs[0].dtype);
    const tacit_attribute_t *list =
        tacit_graph_node_attribute(node, real ? "imputed_value_floats" : "imputed_value_int64s");
    double missing = (double)tacit_graph_node_real(node, "replaced_value_float", 0.0F);
    int64_t number = tacit_graph_node_integer(node, "replaced_value_int64", 0);
    size_t element = tacit_dtype_size(inputs[0].dtype);
    for (size_t i = 0; i < outputs[0].count; i++) {
        bool replaced = false;
        if (real) {
            double x = tacit_element_real(&inputs[0], i);
            replaced = isnan(missing) ? isnan(x) : x == missing;
        } else {
            replaced = tacit_element_integer(&inputs[0], i) == number;
        }
        if (!replaced) {
            tacit_element_copy(element, outputs[0].data, i, inputs[0].data, i);
        } else if (inputs[0].dtype == TACIT_DTYPE_INT64) {
            ((int64_t *)outputs[0].data)[i] = list->integers[i % list->count];
        } else {
            s_put(&outputs[0], i,
                  real ? (double)list->reals[i % list->count]
                       : (double)list->integers[i % list->count]);
        }
    }
    return NULL;
}

/* --- OneHotEncoder ---------------------------------------------------------------------------- */

TACIT_INFER(one_hot_encoder)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_attribute_t *categories = tacit_graph_node_attribute(node, "cats_int64s");
    tacit_shape_t shape = inference->inputs[0].shape;
    if (categories == NULL || categories->count == 0) {
        return s_refuse_text(inference);
    }
    if (shape.rank == TACIT_ENGINE_RANK_MAX) {
        return tacit_infer_refuse(inference, "its input has too many dimensions");
    }
    shape.dims[shape.rank++] = (int64_t)categories->count;
    inference->parameters->node.node = node;
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

TACIT_KERNEL(one_hot_encoder)
{
    (void)input_count, (void)output_count;
    const tacit_graph_node_t *node = parameters->node.node;
    const tacit_attribute_t *categories = tacit_graph_node_attribute(node, "cats_int64s");
    bool lenient = tacit_graph_node_integer(node, "zeros", 1) != 0;
    float *to = outputs[0].data;
    for (size_t i = 0; i < inputs[0].count; i++) {
        int64_t x = tacit_element_integer(&inputs[0], i);
        bool found = false;
        for (size_t k = 0; k < categories->count; k++) {
            bool here = !found && categories->integers[k] == x;
            to[i * categories->count + k] = here ? 1.0F : 0.0F;
            found |= here;
        }
        if (!found && !lenient) {
            return "a number is no category";
        }
    }
    return NULL;
}

/* --- ArrayFeatureExtractor, FeatureVectorizer ------------------------------------------------- */

TACIT_INFER(extractor)
{
    tacit_shape_t shape = inference->inputs[0].shape;
    if (shape.rank == 0) {
        return tacit_infer_refuse(inference, "its input is a scalar");
    }
    if (shape.rank == 1) {
        shape = (tacit_shape_t){.rank = 2, .dims = {1}};
    }
    shape.dims[shape.rank - 1] = (int64_t)inference->inputs[1].count;
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

TACIT_KERNEL(extractor)
{
    (void)parameters, (void)input_count, (void)output_count;
    size_t columns = s_last(&inputs[0].shape);
    size_t wanted = inputs[1].count;
    size_t element = tacit_dtype_size(inputs[0].dtype);
    const int64_t *indices = inputs[1].data;
    for (size_t i = 0; i < wanted; i++) {
        if (indices[i] < 0 || (uint64_t)indices[i] >= columns) {
            return "an index is outside the input's columns";
        }
    }
    for (size_t i = 0; wanted > 0 && i < outputs[0].count; i++) {
        tacit_element_copy(element, outputs[0].data, i, inputs[0].data,
                           i / wanted * columns + (size_t)indices[i % wanted]);
    }
    return NULL;
}

/*  A row's elements of an input; one of rank 1 is one row.  */
static size_t s_width(const tacit_tensor_t *tensor)
{
    return tensor->shape.rank == 1 ? tensor->count
                                   : tacit_shape_span(&tensor->shape, 1, tensor->shape.rank);
}

TACIT_INFER(vectorizer)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_attribute_t *widths = tacit_graph_node_attribute(node, "inputdimensions");
    int64_t rows = 0;
    int64_t columns = 0;
    bool fits = widths != NULL && widths->count == node->input_count;
    for (size_t i = 0; fits && i < node->input_count; i++) {
        const tacit_shape_t *shape = &inference->inputs[i].shape;
        int64_t here = shape->rank == 1 ? 1 : shape->dims[0];
        rows = i == 0 ? here : rows;
        fits = shape->rank > 0 && here == rows && widths->integers[i] >= 0 &&
               widths->integers[i] <= TACIT_TENSOR_SIZE_MAX;
        columns += fits ? widths->integers[i] : 0;
    }
    if (!fits) {
        return tacit_infer_refuse(inference, "its inputs do not fit their widths");
    }
    inference->parameters->node.node = node;
    inference->outputs[0].shape = (tacit_shape_t){.rank = 2, .dims = {rows, columns}};
    return TACIT_OK;
}

/*  Columns that an input has beyond its width are left out, missing ones are 0.  */
TACIT_KERNEL(vectorizer)
{
    (void)output_count;
    const int64_t *widths =
        tacit_graph_node_attribute(parameters->node.node, "inputdimensions")->integers;
    size_t rows = (size_t)outputs[0].shape.dims[0];
    size_t columns = (size_t)outputs[0].shape.dims[1];
    float *to = outputs[0].data;
    size_t first = 0;
    for (size_t i = 0; i < input_count; i++) {
        size_t width = s_width(&inputs[i]);
        for (size_t row = 0; row < rows; row++) {
            for (size_t k = 0; k < (size_t)widths[i]; k++) {
                to[row * columns + first + k] =
                    k < width ? (float)tacit_element_real(&inputs[i], row * width + k) : 0.0F;
            }
        }
        first += (size_t)widths[i];
    }
    return NULL;
}

/* --- LabelEncoder, ZipMap --------------------------------------------------------------------- */

static const tacit_attribute_t *s_keys(const tacit_graph_node_t *node, tacit_dtype_t dtype)
{
    return tacit_graph_node_attribute(node,
                                      dtype == TACIT_DTYPE_INT64 ? "keys_int64s" : "keys_floats");
}

static const tacit_attribute_t *s_values(const tacit_graph_node_t *node, tacit_dtype_t dtype)
{
    const tacit_attribute_t *texts = tacit_graph_node_attribute(node, "values_strings");
    if (texts != NULL) {
        return texts;
    }
    return tacit_graph_node_attribute(node, dtype == TACIT_DTYPE_INT64 ? "values_int64s"
                                                                       : "values_floats");
}

TACIT_INFER(label_encoder)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_attribute_t *keys = s_keys(node, inference->inputs[0].dtype);
    const tacit_attribute_t *values = s_values(node, inference->outputs[0].dtype);
    if (keys == NULL || values == NULL) {
        return s_refuse_text(inference);
    }
    if (keys->count != values->count) {
        return tacit_infer_refuse(inference, "it has not one value per key");
    }
    if (keys->count > 0 && inference->inputs[0].count > s_comparisons_max / keys->count) {
        return tacit_graph_node_refuse(node, inference->error, TACIT_TOO_LARGE,
                                       "it has too many keys for such an input");
    }
    inference->parameters->node.node = node;
    return tacit_infer_same(inference);
}

static size_t s_find_key(const tacit_attribute_t *keys, const tacit_tensor_t *input, size_t i)
{
    size_t k = 0;
    if (input->dtype == TACIT_DTYPE_INT64) {
        int64_t x = ((const int64_t *)input->data)[i];
        while (k < keys->count && keys->integers[k] != x) {
            k++;
        }
        return k;
    }
    float x = ((const float *)input->data)[i];
    while (k < keys->count && keys->reals[k] != x && !(isnan(x) && isnan(keys->reals[k]))) {
        k++;
    }
    return k;
}

TACIT_KERNEL(label_encoder)
{
    (void)input_count, (void)output_count;
    const tacit_graph_node_t *node = parameters->node.node;
    const tacit_attribute_t *keys = s_keys(node, inputs[0].dtype);
    const tacit_attribute_t *values = s_values(node, outputs[0].dtype);
    int64_t integer = tacit_graph_node_integer(node, "default_int64", -1);
    float real = tacit_graph_node_real(node, "default_float", -0.0F);
    for (size_t i = 0; i < outputs[0].count; i++) {
        size_t k = s_find_key(keys, &inputs[0], i);
        if (values->type == 'S') { /* its position; -1 stands for the text of no key */
            ((int64_t *)outputs[0].data)[i] = k < keys->count ? (int64_t)k : -1;
        } else if (outputs[0].dtype == TACIT_DTYPE_INT64) {
            ((int64_t *)outputs[0].data)[i] = k < keys->count ? values->integers[k] : integer;
        } else {
            ((float *)outputs[0].data)[i] = k < keys->count ? values->reals[k] : real;
        }
    }
    return NULL;
}

/*  A map from each class to its score is the row of scores: the classes are the model's labels.  */
TACIT_INFER(zip_map)
{
    tacit_ml_table_t table;
    if (!tacit_ml_table(&inference->inputs[0], &table) ||
        tacit_ml_class_count(inference->node) != table.columns) {
        return tacit_infer_refuse(inference, "it has not one class per column");
    }
    return tacit_infer_same(inference);
}

TACIT_KERNEL(zip_map)
{
    (void)parameters, (void)input_count, (void)output_count;
    if (outputs[0].count > 0) {
        memcpy(outputs[0].data, inputs[0].data, tacit_tensor_size(&outputs[0]));
    }
    return NULL;
}

#define KEYS                                                                                       \
    "default_float:f default_int64:i default_string:s keys_floats:F keys_int64s:I keys_strings:S " \
    "values_floats:F values_int64s:I values_strings:S"
#define WORDS (TACIT_TYPE_BIT(TACIT_DTYPE_INT64) | FLOAT32)

/* clang-format off */
TACIT_OPERATORS(ml_features) = {
    {"Scaler", 1, 4, NUMBER, "T|f", 1, "offset:F scale:F", 0, ML, I(scaler), K(scaler), NULL},
    {"Normalizer", 1, 4, NUMBER, "T|f", 1, "norm:s", 0, ML, I(normalizer), K(normalizer), NULL},
    {"Binarizer", 1, 4, NUMBER, "T|T", 1, "threshold:f", 0, ML, I(binarizer), K(binarizer), NULL},
    {"Imputer", 1, 4, NUMBER, "T|T", 1, "imputed_value_floats:F imputed_value_int64s:I replaced_value_float:f replaced_value_int64:i", 0, ML, I(imputer), K(imputer), NULL},
    {"OneHotEncoder", 1, 4, NUMBER, "T|f", 1, "cats_int64s:I cats_strings:S zeros:i", 0, ML, I(one_hot_encoder), K(one_hot_encoder), NULL},
    {"ArrayFeatureExtractor", 1, 4, ANY, "Ti|T", 2, "", 0, ML, I(extractor), K(extractor), NULL},
    {"FeatureVectorizer", 1, 4, ANY, "n*|f", 1, "inputdimensions:I", 0, ML, I(vectorizer), K(vectorizer), NULL},
    {"LabelEncoder", 2, 3, WORDS, "T|l", 1, KEYS, 0, ML, I(label_encoder), K(label_encoder), NULL},
    {"ZipMap", 1, 4, FLOAT32, "T|T", 1, "classlabels_int64s:I classlabels_strings:S", 0, ML | VIEW, I(zip_map), K(zip_map), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
