/* Console UART: bytes both ways, by polling and by interrupt, across a change of the CPU clock. */

#include "check.h"
#include "uarths.h"

static volatile size_t got;
static volatile unsigned irqs;
static uint8_t buffer[512];

static int on_receive(void *ctx) {
    (void)ctx;
    irqs++;
    got += uarths_receive_data(buffer + got, sizeof buffer - got);
    return 0;
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    CHECK_EQ("nothing received", uarths_getchar(), EOF);
    CHECK_EQ("puts", uarths_puts("PASS puts sends whole strings\n"), 0);
    check_passed++; /* the line before is counted by the runner */
    CHECK_EQ("send_data", uarths_send_data((const uint8_t *)"raw\n", 4), 4);
    CHECK_EQ("getc alias", uarths_getc(), EOF);

    /* The runner sends 8 bytes A..H after POLL, 256 bytes 0..255 after IRQ and again after CLOCK. */
    printk("POLL\n");
    uint8_t eight[8];
    size_t n = 0;
    WAIT_FOR((n += uarths_receive_data(eight + n, 8 - n)) == 8, 100);
    check_bytes("polled", eight, "ABCDEFGH", 8);

    uarths_set_irq(UARTHS_RECEIVE, on_receive, NULL, 4);
    for (int round = 0; round < 2; round++) {
        got = 0;
        irqs = 0;
        printk(round == 0 ? "IRQ\n" : "CLOCK\n");
        WAIT_FOR(got == 256, 200);
        unsigned wrong = 0;
        for (unsigned i = 0; i < 256; i++) {
            wrong += buffer[i] != i;
        }
        CHECK_EQ(round == 0 ? "received by interrupt" : "received at another clock", got, 256);
        CHECK_EQ("in order", wrong, 0);
        check_between("interrupts", irqs, 32, 256);
        sysctl_cpu_set_freq(416000000);
    }
    return check_done();
}
