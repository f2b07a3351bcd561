/*  engine_last_test.c - the loops over bytes of each instruction set beside their definitions: the
    same bytes from all of them, whatever sizes, signs and zero points.  */

#include "services/inference/engine/portable/integer.h"
#include "services/inference/engine/portable/maps.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM = 1 << 16, GUARD = 0xA5 };

static uint8_t s_x[ROOM];
static uint8_t s_y[ROOM];

static void s_fill(void)
{
    uint32_t state = 7;
    for (size_t i = 0; i < ROOM; i++) {
        state = state * 1664525U + 1013904223U;
        s_x[i] = (uint8_t)(state >> 24);
    }
    memset(s_y, GUARD, sizeof(s_y));
}

static int32_t s_number(uint8_t byte, bool sign)
{
    return sign ? (int8_t)byte : byte;
}

/*  As ONNX has it: the nearest whole number, half to even, plus the zero point, within the ends. */
static uint8_t s_placed(float steps, const tacit_grid_t *grid)
{
    float low = grid->sign ? -128.0F : 0.0F;
    float high = grid->sign ? 127.0F : 255.0F;
    float number = rintf(steps) + (float)grid->zero;
    number = number > low ? number : low; /* NaN is the lowest */
    return (uint8_t)(int32_t)(number < high ? number : high);
}

static const tacit_grid_t s_grids[] = {
    {0.05F, 0, false}, {0.1F, 255, false},    {0.037F, 128, false}, {1.0F, 3, false},
    {0.05F, 0, true},  {0.0071F, -128, true}, {0.3F, 127, true},    {0.5F, -7, true},
};

enum { GRIDS = sizeof(s_grids) / sizeof(s_grids[0]) };

/* --- single bytes ----------------------------------------------------------------------------- */

static void s_check_quantize(void)
{
    static const float special[] = {0.0F,  -0.0F,     0.5F,   1.5F, -2.5F,      NAN,   INFINITY,
                                    1e30F, -INFINITY, -1e30F, 3e9F, 8388609.0F, 1e-40F};
    enum { SPECIAL = sizeof(special) / sizeof(special[0]), COUNT = 1027 };
    float x[COUNT];
    for (size_t g = 0; g < GRIDS; g++) {
        const tacit_grid_t *grid = &s_grids[g];
        for (size_t i = 0; i < COUNT; i++) {
            x[i] = i < SPECIAL ? special[i] : ((float)i - 500.0F) * 0.5F * grid->scale;
        }
        tacit_integer()->quantize(x, COUNT, *grid, s_y);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(s_y[i], s_placed(x[i] / grid->scale, grid));
        }
    }
}

static void s_check_pairs(void)
{
    uint8_t a[ROOM];
    uint8_t b[ROOM];
    for (size_t i = 0; i < ROOM; i++) {
        a[i] = (uint8_t)i;
        b[i] = (uint8_t)(i >> 8);
    }
    for (size_t g = 0; g < GRIDS; g++) {
        const tacit_grid_t *of_a = &s_grids[g];
        const tacit_grid_t *of_b = &s_grids[g / 4 * 4 + (g + 1) % 4];
        const tacit_grid_t *of_y = &s_grids[g / 4 * 4 + (g + 2) % 4];
        bool sign = of_a->sign;
        for (int product = 0; product < 2; product++) {
            (product != 0 ? tacit_integer()->multiply : tacit_integer()->add)(a, *of_a, b, *of_b,
                                                                              ROOM, *of_y, s_y);
            for (size_t i = 0; i < ROOM; i++) {
                float left = (float)(s_number(a[i], sign) - of_a->zero) * of_a->scale;
                float right = (float)(s_number(b[i], sign) - of_b->zero) * of_b->scale;
                float both = product != 0 ? left * right : left + right;
                assert_int_equal(s_y[i], s_placed(both / of_y->scale, of_y));
            }
        }
    }
}

/* --- maps ------------------------------------------------------------------------------------- */

static void s_check_turn(void)
{
    static const size_t sizes[] = {1, 2, 3, 15, 16, 17, 31, 32, 40, 67};
    enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };
    for (size_t n = 0; n < (size_t)SIZES * SIZES; n++) {
        size_t rows = sizes[n / SIZES];
        size_t columns = sizes[n % SIZES];
        size_t x_step = columns + n % 3;
        size_t y_step = rows + n % 5;
        memset(s_y, GUARD, sizeof(s_y));
        tacit_maps()->turn(s_x, rows, x_step, columns, s_y, y_step);
        for (size_t i = 0; i < columns * y_step; i++) {
            size_t row = i % y_step;
            int expected = row < rows ? s_x[row * x_step + i / y_step] : GUARD;
            assert_int_equal(s_y[i], expected);
        }
        assert_int_equal(s_y[columns * y_step], GUARD);
    }
}

static const tacit_places_t s_windows[] = {{1, 1000, 1, 100}, {2, 1100, 3, 130}, {3, 2000, 3, 260}};
static const size_t s_channels[] = {1, 3, 8, 15, 16, 17, 24, 31, 32, 63, 64, 65, 100, 130};

static uint8_t s_under(const tacit_places_t *window, size_t place, size_t channel)
{
    return s_x[place / window->places * window->row_step + place % window->places * window->step +
               channel];
}

static void s_check_largest(const tacit_places_t *window, size_t channels)
{
    for (int sign = 0; sign < 2; sign++) {
        memset(s_y, GUARD, channels + 1);
        tacit_maps()->largest(s_x, window, channels, sign != 0, s_y);
        for (size_t c = 0; c < channels; c++) {
            uint8_t largest = s_under(window, 0, c);
            for (size_t i = 1; i < window->rows * window->places; i++) {
                uint8_t byte = s_under(window, i, c);
                largest = s_number(byte, sign) > s_number(largest, sign) ? byte : largest;
            }
            assert_int_equal(s_y[c], largest);
        }
        assert_int_equal(s_y[channels], GUARD);
    }
}

static void s_check_gather(const tacit_places_t *window, size_t channels)
{
    float sums[256];
    for (size_t g = 0; g < GRIDS; g++) {
        const tacit_grid_t *grid = &s_grids[g];
        memset(sums, 0, sizeof(sums));
        tacit_maps()->gather(s_x, window, channels, *grid, sums);
        for (size_t c = 0; c < channels; c++) {
            float sum = 0.0F;
            for (size_t i = 0; i < window->rows * window->places; i++) {
                int32_t number = s_number(s_under(window, i, c), grid->sign);
                sum += (float)(number - grid->zero) * grid->scale;
            }
            assert_memory_equal(&sum, &sums[c], sizeof(sum));
        }
        assert_true(sums[channels] == 0.0F);
    }
}

static void s_check_look_up(void)
{
    uint8_t table[256];
    for (size_t i = 0; i < sizeof(table); i++) {
        table[i] = (uint8_t)(i * 7 + 3);
    }
    for (size_t count = 0; count < 200; count++) {
        memset(s_y, GUARD, count + 1);
        tacit_maps()->look_up(s_x, count, table, s_y);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(s_y[i], table[s_x[i]]);
        }
        assert_int_equal(s_y[count], GUARD);
    }
}

/* --- all instruction sets --------------------------------------------------------------------- */

static void test_single_bytes(void **state)
{
    (void)state;
    for (int isa = 0; isa < TACIT_ISAS; isa++) {
        if (tacit_vector_choose((tacit_isa_t)isa)) {
            s_fill();
            s_check_quantize();
            s_check_pairs();
            s_check_look_up();
        }
    }
}

static void test_maps(void **state)
{
    (void)state;
    for (int isa = 0; isa < TACIT_ISAS; isa++) {
        if (!tacit_vector_choose((tacit_isa_t)isa)) {
            continue;
        }
        s_fill();
        s_check_turn();
        for (size_t i = 0; i < sizeof(s_channels) / sizeof(s_channels[0]); i++) {
            for (size_t k = 0; k < sizeof(s_windows) / sizeof(s_windows[0]); k++) {
                s_check_largest(&s_windows[k], s_channels[i]);
                s_check_gather(&s_windows[k], s_channels[i]);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_bytes),
        cmocka_unit_test(test_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
