/* SHA-256: FIPS 180-2's messages, every kind of padding (values from another program), pieces, a wrong length. */

#include "check.h"
#include "sha256.h"

static uint8_t message[1000];

static void hex(const char *text, uint8_t *bytes, size_t count) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)((strchr(digits, text[2 * i]) - digits) << 4 | (strchr(digits, text[2 * i + 1]) - digits));
    }
}

static void check_digest(const char *name, const uint8_t *got, const char *want) {
    uint8_t bytes[SHA256_HASH_LEN];
    hex(want, bytes, sizeof bytes);
    check_bytes(name, got, bytes, sizeof bytes);
}

static void hash(const char *name, const void *input, size_t length, const char *want) {
    uint8_t digest[SHA256_HASH_LEN];
    sha256_hard_calculate(input, length, digest);
    check_digest(name, digest, want);
}

static void million(void) {
    static uint8_t a[1000];
    uint8_t digest[SHA256_HASH_LEN];
    sha256_context_t context;
    memset(a, 'a', sizeof a);
    sha256_init(&context, 1000000);
    for (int i = 0; i < 1000; i++) {
        sha256_update(&context, a, sizeof a);
    }
    sha256_final(&context, digest);
    check_digest("a million a", digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void pieces(void) {
    uint8_t digest[SHA256_HASH_LEN];
    sha256_context_t context;
    uint32_t seed = 7;
    sha256_init(&context, sizeof message);
    for (size_t at = 0, take; at < sizeof message; at += take) {
        take = test_random(&seed) % 150;
        take = take < sizeof message - at ? take : sizeof message - at;
        sha256_update(&context, message + at, take);
    }
    sha256_final(&context, digest);
    check_digest("in pieces", digest, "1e9bc38cbf860b9ec31918b065f9b52476c549a782e0e7990bed8ce3868d2371");
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] = (uint8_t)(i * 7 + 3);
    }
    hash("abc", "abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash("two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    hash("nothing", "", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hash("55 bytes", message, 55, "e7313d333c272e639f790978283f9eb392e843d0f29b7016828bb1daa4aac70b");
    hash("56 bytes", message, 56, "4324d65f3c103567f5589c710bc08f8523f929a9272e3af36fc968e52abc6c27");
    hash("63 bytes", message, 63, "81c80242132f230c3bd41b3e63bbcff16107339549214a99614ff26664625055");
    hash("64 bytes", message, 64, "39e3d7b6b5d075d37d053ad89b24b41bef4f3c29760c84447cab3f3be1882241");
    hash("65 bytes", message, 65, "aacca6ff74fdbb296d165a45cecfa04e5127bc008770fbbdd48006f2d2fae95e");
    hash("119 bytes", message, 119, "9ce7368e4daf32341631b492e80359dc9f594b48453cd0dd5bf0b19279cc177e");
    hash("120 bytes", message, 120, "7836b787757e95e58b3ca5aec90b1b004e8deba1e50e9675af9cabf1a13a04b5");
    pieces();
    million();

    /* Fewer bytes than were announced: the engine waits for a block that never comes. */
    uint8_t digest[SHA256_HASH_LEN];
    sha256_context_t context;
    sha256_init(&context, 640);
    sha256_update(&context, message, 64);
    uint64_t start = clint_get_time();
    sha256_final(&context, digest);
    check_between("a wrong length ends", (int64_t)(clint_get_time() - start), 0,
                  (int64_t)clint_timer_get_freq() / 100);
    hash("and the next message is right", "abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    return check_done();
}
