/* The message that publishes a danmaku: a template in which $text and $id are replaced. The text is
 * made of words drawn at random, where there are some, and of x. */
#ifndef MIAODAN_BENCH_SPEECH_H
#define MIAODAN_BENCH_SPEECH_H

#include "stamps.h"

#define TEXT_MAX 511
#define SPEECH_MAX 1024
#define WORDS_MAX 128

static char speech[SPEECH_MAX / 2] = "{\"type\":\"danmaku.send\",\"text\":\"$text\",\"id\":$id}";
static char word_list[SPEECH_MAX];
static const char *words[WORDS_MAX];
static size_t word_count;

/* "some words" -> {"some", "words"}; at most WORDS_MAX. */
static inline void learn_words(const char *list) {
    word_count = 0;
    snprintf(word_list, sizeof word_list, "%s", list);
    for (char *word = strtok(word_list, " "); word != NULL && word_count < WORDS_MAX; word = strtok(NULL, " "))
        words[word_count++] = word;
}

/* Fills `text` with `size` bytes, and a NUL: the stamp when `stamped`, words while they fit, then x. */
static inline void write_text(char *text, size_t size, int stamped, uint32_t *seed) {
    size_t at = 0;
    memset(text, 'x', size);
    text[size] = '\0';
    if (stamped) {
        char stamp[2 + STAMP_DIGITS];
        snprintf(stamp, sizeof stamp, "t%016llx", (unsigned long long)clock_ns(CLOCK_MONOTONIC));
        memcpy(text, stamp, at = 1 + STAMP_DIGITS);
    }
    while (word_count > 0) {
        const char *word = words[next_random(seed) % word_count];
        size_t length = strlen(word);
        if (at + 1 + length > size) return;
        if (at > 0) text[at++] = ' ';
        memcpy(text + at, word, length);
        at += length;
    }
}

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
