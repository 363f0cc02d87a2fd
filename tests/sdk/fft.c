/* FFT of every size against the sum that defines it; the runner compares the smallest with numpy's. */

#include <math.h>
#include "check.h"
#include "fft.h"
#include "iomem.h"

static uint64_t spectrum[256], back[256];

static void print_points(const char *name, const uint64_t *words, size_t points) {
    printk("%s", name);
    for (size_t i = 0; i < points / 2; i++) {
        printk(" %016lx", words[i]);
    }
    printk("\n");
}

static void point(const uint64_t *words, size_t n, double *re, double *im) {
    const fft_data_t *pair = (const fft_data_t *)words + n / 2;
    *re = n % 2 ? pair->R2 : pair->R1;
    *im = n % 2 ? pair->I2 : pair->I1;
}

/* The largest difference between a transform and its definition. */
static double worst(const uint64_t *from, const uint64_t *to, size_t points, int sign, double scale) {
    static double cosine[512];
    double most = 0;
    for (size_t i = 0; i < points; i++) {
        cosine[i] = cos(2 * M_PI * (double)i / (double)points);
    }
    for (size_t k = 0; k < points; k++) {
        double sum_re = 0, sum_im = 0, re, im;
        for (size_t n = 0; n < points; n++) {
            double c = cosine[n * k % points], s = sign * cosine[(n * k + 3 * points / 4) % points];
            point(from, n, &re, &im);
            sum_re += re * c - im * s;
            sum_im += re * s + im * c;
        }
        point(to, k, &re, &im);
        most = fmax(most, fmax(fabs(re - sum_re * scale), fabs(im - sum_im * scale)));
    }
    return most;
}

static void transform(size_t points, uint64_t *input) {
    uint32_t seed = (uint32_t)points;
    fft_data_t *data = (fft_data_t *)input;
    for (size_t i = 0; i < points / 2; i++) {
        data[i].R1 = (int16_t)(test_random(&seed) % 61) - 30;
        data[i].I1 = (int16_t)(test_random(&seed) % 61) - 30;
        data[i].R2 = (int16_t)(test_random(&seed) % 61) - 30;
        data[i].I2 = (int16_t)(test_random(&seed) % 61) - 30;
    }
    fft_complex_uint16_dma(DMAC_CHANNEL0, DMAC_CHANNEL1, 0, FFT_DIR_FORWARD, input, points, spectrum);
    fft_complex_uint16_dma(DMAC_CHANNEL0, DMAC_CHANNEL1, 0x1FF, FFT_DIR_BACKWARD, spectrum, points, back);
    double forward = worst(input, spectrum, points, -1, 1), backward = worst(spectrum, back, points, 1, 1.0 / points);
    int64_t layers = (int64_t)log2((double)points); /* each rounds once */
    check_between("forward, hundredths of a unit", (int64_t)(100 * forward), 0, 150 * layers);
    check_between("backward, hundredths of a unit", (int64_t)(100 * backward), 0, 300);
    if (points == 64) {
        print_points("INPUT", input, points);
        print_points("FORWARD", spectrum, points);
        print_points("BACKWARD", back, points);
    }
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    static uint64_t cached[256];
    uint64_t *uncached = iomem_malloc(sizeof cached);
    transform(64, cached);
    transform(128, uncached);
    transform(256, cached);
    transform(512, uncached);
    memset(back, 0x5A, sizeof back);
    fft_complex_uint16_dma(DMAC_CHANNEL0, DMAC_CHANNEL1, 0, FFT_DIR_FORWARD, cached, 100, back);
    CHECK_EQ("no FFT of 100 points", back[0], 0x5A5A5A5A5A5A5A5A);
    fft_complex_uint16_dma(DMAC_CHANNEL0, DMAC_CHANNEL1, 0x200, FFT_DIR_FORWARD, cached, 64, back);
    CHECK_EQ("no shift of ten bits", back[0], 0x5A5A5A5A5A5A5A5A);
    iomem_free(uncached);
    return check_done();
}
