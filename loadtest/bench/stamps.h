/* When a danmaku was sent, in its text: `t` and 16 hexadecimal digits of CLOCK_MONOTONIC nanoseconds.
 * They are searched for in the bytes of a socket, frame by frame or not: what a compressed frame
 * holds is not seen. A stamp cut in two by a read is found by the end kept of the bytes before. */
#ifndef MIAODAN_BENCH_STAMPS_H
#define MIAODAN_BENCH_STAMPS_H

#include "histogram.h"
#include "wire.h"

#define STAMP_BEFORE "\"text\":\"t"
#define STAMP_BEFORE_SIZE (sizeof STAMP_BEFORE - 1)
#define STAMP_DIGITS 16
#define STAMP_TAIL (STAMP_BEFORE_SIZE + STAMP_DIGITS - 1) /* one byte short of a whole one */

struct tail {
    uint8_t bytes[STAMP_TAIL];
    uint8_t size;
};

static inline int read_stamp(const uint8_t *digits, uint64_t *stamp) {
    *stamp = 0;
    for (int i = 0; i < STAMP_DIGITS; i++) {
        unsigned digit = digits[i];
        if (digit >= '0' && digit <= '9') digit -= '0';
        else if (digit >= 'a' && digit <= 'f') digit -= 'a' - 10;
        else return 0;
        *stamp = *stamp << 4 | digit;
    }
    return 1;
}

/* `data` has room for STAMP_TAIL bytes in front of it, which are written over. */
static inline void find_stamps(struct tail *tail, uint8_t *data, size_t size, struct histogram *histogram) {
    uint64_t now = clock_ns(CLOCK_MONOTONIC), stamp;
    const uint8_t *at = data - tail->size, *end = data + size;
    memcpy(data - tail->size, tail->bytes, tail->size);
    size_t rest = (size_t)(end - at) < STAMP_TAIL ? (size_t)(end - at) : STAMP_TAIL;
    memcpy(tail->bytes, end - rest, rest);
    tail->size = (uint8_t)rest;
    while ((at = memmem(at, (size_t)(end - at), STAMP_BEFORE, STAMP_BEFORE_SIZE)) != NULL) {
        at += STAMP_BEFORE_SIZE;
        if (end - at < STAMP_DIGITS) return;
        if (read_stamp(at, &stamp) && stamp <= now) record(histogram, (now - stamp) / 1000);
    }
}

#endif
