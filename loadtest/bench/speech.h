/* The message that publishes a danmaku: a template in which $text and $id are replaced. */
#ifndef MIAODAN_BENCH_SPEECH_H
#define MIAODAN_BENCH_SPEECH_H

#include "stamps.h"

#define TEXT_MAX 511
#define SPEECH_MAX 1024

static char speech[SPEECH_MAX / 2] = "{\"type\":\"danmaku.send\",\"text\":\"$text\",\"id\":$id}";

/* Writes at most SPEECH_MAX bytes to `out`; returns how many. */
static inline size_t write_speech(uint8_t *out, const char *text, uint64_t id) {
    size_t size = 0;
    char number[24];
    snprintf(number, sizeof number, "%u", (unsigned)(id & 0xffffff));
    for (const char *at = speech; *at != '\0' && size < SPEECH_MAX;) {
        const char *part = NULL;
        if (strncmp(at, "$text", 5) == 0) part = text, at += 5;
        else if (strncmp(at, "$id", 3) == 0) part = number, at += 3;
        size_t length = part ? strlen(part) : 1, room = SPEECH_MAX - size;
        memcpy(out + size, part ? part : at++, length < room ? length : room);
        size += length < room ? length : room;
    }
    return size;
}

#endif
