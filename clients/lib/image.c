/*  image.c - limits of pictures, and interleaved bytes to planes of floats.  */

#include "clients/lib/image.h"

tacit_status_t tacit_image_allocate(uint32_t width, uint32_t height, uint32_t channels,
                                    tacit_image_t *ret_image, tacit_error_t *ret_error)
{
    tacit_secret_t *pixels = NULL;
    uint64_t count = (uint64_t)width * height * channels;
    if (width > TACIT_IMAGE_SIDE_MAX || height > TACIT_IMAGE_SIDE_MAX ||
        count > TACIT_TENSOR_BYTES_MAX / sizeof(float)) {
        (void)tacit_error_set(ret_error, TACIT_TOO_LARGE,
                              "the picture is %u x %u pixels; its tensor would pass %d bytes or a "
                              "side %d pixels",
                              width, height, TACIT_TENSOR_BYTES_MAX, TACIT_IMAGE_SIDE_MAX);
        tacit_error_remedy(ret_error, "scale it to the size that the model takes");
        return TACIT_TOO_LARGE;
    }
    if (count == 0) {
        return tacit_error_set(ret_error, TACIT_MALFORMED, "the picture has no pixels");
    }
    tacit_status_t status = tacit_secret_new((size_t)count, &pixels);
    if (status != TACIT_OK) {
        (void)tacit_error_set(ret_error, status, NULL);
        tacit_error_remedy(ret_error, "raise the limit of locked memory (ulimit -l)");
        return status;
    }
    *ret_image =
        (tacit_image_t){.width = width, .height = height, .channels = channels, .pixels = pixels};
    return TACIT_OK;
}

void tacit_image_release(tacit_image_t *image)
{
    if (image) {
        tacit_secret_destroy(&image->pixels);
        memset(image, 0, sizeof *image);
    }
}

tacit_status_t tacit_image_tensor(const tacit_image_t *image, tacit_tensor_t *ret_tensor,
                                  tacit_error_t *ret_error)
{
    const int64_t dims[] = {1, image->channels, image->height, image->width};
    size_t plane = (size_t)image->height * image->width;
    tacit_status_t status =
        tacit_tensor_allocate(TACIT_INFERENCE_DTYPE_FLOAT32, 4, dims, ret_tensor, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    for (size_t channel = 0; channel < image->channels; channel++) {
        for (size_t i = 0; i < plane; i++) {
            float value = (float)image->pixels->data[i * image->channels + channel] / 255.0F;
            memcpy(ret_tensor->data->data + (channel * plane + i) * sizeof value, &value,
                   sizeof value);
        }
    }
    return TACIT_OK;
}
