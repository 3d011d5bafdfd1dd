/* Texts of JSON as they stand in a body: UTF-8 and escapes. Nothing here knows of Python. */
#include "json_text.h"
#include <string.h>

/* Eight bytes at a time. */
const char *plain(const char *at, const char *end) {
  const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
  uint64_t word, slashes;
  for (; end - at >= 8; at += 8) {
    memcpy(&word, at, 8);
    slashes = word ^ (ones * '\\');
    if ((word | (word - ones * 0x20) | (slashes - ones)) & tops) break;
  }
  while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '\\') at++;
  return at;
}

static int follows(const unsigned char *at) { return (*at & 0xc0) == 0x80; }

/* The same as utf8_char, for the loops below. */
static inline int read_char(const char *from, const char *end, uint32_t *found) {
  const unsigned char *at = (const unsigned char *)from;
  ptrdiff_t room = end - from;
  uint32_t first = *at;
  if (first < 0xe0) {
    if (first < 0xc2 || room < 2 || !follows(at + 1)) return 0;
    *found = (first & 0x1f) << 6 | (at[1] & 0x3fu);
    return 2;
  }
  if (room < 3 || !follows(at + 1) || !follows(at + 2)) return 0;
  uint32_t next = (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
  if (first < 0xf0) {
    *found = (first & 0xf) << 12 | next;
    return *found < 0x800 || (*found >= 0xd800 && *found < 0xe000) ? 0 : 3;
  }
  if (first > 0xf4 || room < 4 || !follows(at + 3)) return 0;
  *found = (first & 7) << 18 | next << 6 | (at[3] & 0x3fu);
  return *found < 0x10000 || *found > 0x10ffff ? 0 : 4;
}

int utf8_char(const char *at, const char *end, uint32_t *found) { return read_char(at, end, found); }

const char *beyond_ascii(const char *at, const char *end, ptrdiff_t *chars, uint32_t *most) {
  uint32_t c = 0;
  int size;
  while (at < end && (unsigned char)*at >= 0x80 && (size = read_char(at, end, &c))) {
    if (c > *most) *most = c;
    ++*chars;
    at += size;
  }
  return at;
}

/* The number that an escape \uXXXX says, or -1 where it is none. */
static int32_t hex4(const char *at, const char *end) {
  int32_t number = 0;
  if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return -1;
  for (int k = 2; k < 6; k++) {
    int c = at[k], low = c | 0x20;
    if (c >= '0' && c <= '9') number = number << 4 | (c - '0');
    else if (low >= 'a' && low <= 'f') number = number << 4 | (low - 'a' + 10);
    else return -1;
  }
  return number;
}

/* What an escape says, and how many bytes it has: 0 where it is none, -1 where it is half a character. */
int escape_char(const char *at, const char *end, uint32_t *found) {
  static const char NAMES[] = "\"\\/bfnrt", CHARS[] = "\"\\/\b\f\n\r\t";
  if (end - at < 2) return 0;
  if (at[1] != 'u') {
    const char *name = at[1] ? strchr(NAMES, at[1]) : NULL;
    if (name) *found = (unsigned char)CHARS[name - NAMES];
    return name ? 2 : 0;
  }
  int32_t first = hex4(at, end), second;
  if (first < 0) return 0;
  *found = (uint32_t)first;
  if (first < 0xd800 || first > 0xdfff) return 6;
  second = first < 0xdc00 ? hex4(at + 6, end) : -1;
  if (second < 0xdc00 || second > 0xdfff) {
    *found = 0xfffd;
    return -1;
  }
  *found = 0x10000 + (((uint32_t)first & 0x3ff) << 10 | ((uint32_t)second & 0x3ff));
  return 12;
}

/* Decode a text that was measured into characters of one width. */
#define DECODE(NAME, TYPE)                                                                          \
  void NAME(const char *at, const char *end, TYPE *to) {                                             \
    while (at < end) {                                                                              \
      const char *run = plain(at, end);                                                             \
      if (sizeof(TYPE) == 1) memcpy(to, at, (size_t)(run - at));                                    \
      else for (ptrdiff_t k = 0; k < run - at; k++) to[k] = (TYPE)(unsigned char)at[k];            \
      to += run - at;                                                                               \
      if ((at = run) == end) return;                                                                \
      uint32_t c = 0;                                                                                \
      if (*at == '\\') {                                                                             \
        int size = escape_char(at, end, &c);                                                        \
        at += size < 0 ? 6 : size;                                                                  \
        *to++ = (TYPE)c;                                                                            \
      }                                                                                             \
      for (; at < end && (unsigned char)*at >= 0x80; *to++ = (TYPE)c) at += read_char(at, end, &c); \
    }                                                                                               \
  }
DECODE(decode1, uint8_t)
DECODE(decode2, uint16_t)
DECODE(decode4, uint32_t)

#define SIZE(NAME, TYPE)                                                                            \
  ptrdiff_t NAME(const TYPE *at, ptrdiff_t chars) {                                                 \
    ptrdiff_t size = chars;                                                                         \
    for (ptrdiff_t k = 0; k < chars; k++)                                                           \
      size += (at[k] >= 0x80) + (at[k] >= 0x800) + (at[k] >= 0x10000);                              \
    return size;                                                                                    \
  }
SIZE(size1, uint8_t)
SIZE(size2, uint16_t)
SIZE(size4, uint32_t)
