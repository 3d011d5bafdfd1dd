/* Splits texts into words as words.py does, and finds the classes of the table that each word is in.
 *
 * A text is read once. A word is hashed (CRC-32 of its UTF-8) while it is read, and never becomes a
 * Python object.
 */
#include "reader.h"

typedef enum { LETTER, GAP, SIGN } Class;

static uint32_t CRC[256];
static uint8_t CLASS_OF[2][128]; /* of ASCII characters: in texts of ASCII only, and in others */

void fill_tables(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xEDB88320u ^ crc >> 1 : crc >> 1;
    CRC[byte] = crc;
  }
  for (int c = 0; c < 128; c++) {
    int gap = (c >= 9 && c <= 13) || (c >= 28 && c <= 32);
    int letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    int control = c < 32 || c == 127; /* part of a word in a text of ASCII only, else a sign */
    CLASS_OF[0][c] = gap ? GAP : letter || control ? LETTER : SIGN;
    CLASS_OF[1][c] = gap ? GAP : letter ? LETTER : SIGN;
  }
}

static inline Py_UCS4 letter_at(const Text *text, Py_ssize_t index) {
  Py_UCS4 c = char_at(text, index);
  if (c - 'A' < 26u) return c + ('a' - 'A');
  return c - '1' < 9u ? '0' : c;
}

static inline int stands_alone(Py_UCS4 c) { /* Chinese, Japanese, Korean: each character is a word */
  return (c >= 0x2e80 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7af);
}

static inline Class class_of(const Text *text, Py_UCS4 c) {
  if (c < 128) return CLASS_OF[!text->ascii][c];
  if (stands_alone(c)) return SIGN;
  if (Py_UNICODE_ISALNUM(c)) return LETTER;
  return Py_UNICODE_ISSPACE(c) ? GAP : SIGN;
}

static inline uint32_t crc_byte(uint32_t crc, uint32_t byte) {
  return CRC[(crc ^ byte) & 255] ^ crc >> 8;
}

static inline uint32_t crc_letter(uint32_t crc, Py_UCS4 c) { /* of its UTF-8, surrogates too */
  if (c < 0x80) return crc_byte(crc, c);
  if (c < 0x800) crc = crc_byte(crc, 0xc0 | c >> 6);
  else {
    if (c < 0x10000) crc = crc_byte(crc, 0xe0 | c >> 12);
    else {
      crc = crc_byte(crc, 0xf0 | c >> 18);
      crc = crc_byte(crc, 0x80 | (c >> 12 & 63));
    }
    crc = crc_byte(crc, 0x80 | (c >> 6 & 63));
  }
  return crc_byte(crc, 0x80 | (c & 63));
}

/* Find the words of a text, at most `room`. Return how many. */
Py_ssize_t find_words(const Text *text, Word *words, Py_ssize_t room) {
  Py_ssize_t count = 0, index = 0;
  while (index < text->size && count < room) {
    Py_UCS4 c = letter_at(text, index);
    Class kind = class_of(text, c);
    Py_ssize_t start = index++;
    if (kind == GAP) continue;
    uint32_t crc = crc_letter(0xffffffffu, c);
    if (kind == LETTER)
      for (; index < text->size; index++) {
        c = letter_at(text, index);
        if (class_of(text, c) != LETTER) break;
        crc = crc_letter(crc, c);
      }
    words[count++] = (Word){start, index - start, ~crc};
  }
  return count;
}

static int same_word(const Text *text, const Word *one, const Word *other) {
  if (one->crc != other->crc || one->size != other->size) return 0;
  for (Py_ssize_t k = 0; k < one->size; k++)
    if (letter_at(text, one->start + k) != letter_at(text, other->start + k)) return 0;
  return 1;
}

static Py_ssize_t count_distinct(const Text *text, const Word *words, Py_ssize_t count) {
  uint16_t seen[4 * 512] = {0}; /* more than twice MAX_WORDS, so that a search always ends */
  Py_ssize_t distinct = 0;
  for (Py_ssize_t k = 0; k < count; k++) {
    uint32_t place = words[k].crc % (sizeof seen / sizeof *seen);
    while (seen[place] && !same_word(text, &words[seen[place] - 1], &words[k]))
      place = (place + 1) % (sizeof seen / sizeof *seen);
    if (seen[place]) continue;
    seen[place] = (uint16_t)(k + 1);
    distinct++;
  }
  return distinct;
}

static const Known *known_word(const Reader *self, const Text *text, const Word *word) {
  for (uint32_t at = word->crc % KNOWN_PLACES; self->place[at]; at = (at + 1) % KNOWN_PLACES) {
    const Known *known = &self->words[self->place[at] - 1];
    if (known->crc != word->crc || known->size != word->size) continue;
    Py_ssize_t k = 0;
    while (k < word->size && known->letters[k] == letter_at(text, word->start + k)) k++;
    if (k == word->size) return known;
  }
  return NULL;
}

/* Count the words of a text, and those of each class, in `values`. */
void count_words(
    const Reader *self, const Text *text, const Word *words, Py_ssize_t count, Py_ssize_t *values) {
  Py_ssize_t *of_text = values + 1 + self->table.given;
  for (Py_ssize_t k = 0; k < count; k++) {
    const Known *known = known_word(self, text, &words[k]);
    for (const uint8_t *class = known ? known->classes : NULL; class && *class; class++)
      values[*class]++;
    of_text[LONG_WORDS] += words[k].size >= LONG_WORD;
  }
  of_text[WORD_COUNT] = count;
  of_text[DISTINCT] = count_distinct(text, words, count);
}

uint32_t crc_of(const Py_UCS4 *letters, Py_ssize_t size) {
  uint32_t crc = 0xffffffffu;
  for (Py_ssize_t k = 0; k < size; k++) crc = crc_letter(crc, letters[k]);
  return ~crc;
}
