/* Texts of JSON as they stand in a body, between `at` and `end`: see json_text.c. */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H
#include <stddef.h>
#include <stdint.h>

/* The end of the printable ASCII without backslashes that begins here. */
const char *plain(const char *at, const char *end);

/* The character that begins here in UTF-8, and how many bytes it has: 0 where it is none. */
int utf8_char(const char *at, const char *end, uint32_t *found);

/* The end of the characters beyond ASCII that begin here, or the first byte that begins none. Adds up
 * how many there are, and the largest. */
const char *beyond_ascii(const char *at, const char *end, ptrdiff_t *chars, uint32_t *most);

/* What an escape says, and how many bytes it has: 0 where it is none, -1 where it is half a character,
 * which says U+FFFD and has six. */
int escape_char(const char *at, const char *end, uint32_t *found);

/* Decode a text in which nothing is wrong, into characters of one width that are there for it. */
void decode1(const char *at, const char *end, uint8_t *to);
void decode2(const char *at, const char *end, uint16_t *to);
void decode4(const char *at, const char *end, uint32_t *to);

/* How many bytes of UTF-8 so many characters are. */
ptrdiff_t size1(const uint8_t *at, ptrdiff_t chars);
ptrdiff_t size2(const uint16_t *at, ptrdiff_t chars);
ptrdiff_t size4(const uint32_t *at, ptrdiff_t chars);
#endif
