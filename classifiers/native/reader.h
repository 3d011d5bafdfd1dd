/* What the files of the extension share. See module.c for what it is. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

enum {
  EDITION = 3,       /* of the numbers, as in classifiers/text/reading.py */
  WORDS = 1 << 16,   /* word numbers are 1 to WORDS - 1 */
  PAIRS = 1 << 17,   /* pair numbers are 1 to PAIRS - 1 */
  MAX_WORDS = 768,   /* of one prompt */
  UNIT = 20,         /* a weight of one, in the twentieths that are counted */
  WEIGHT_BITS = 5,   /* of a key, below the number */
  KINDS = 15,        /* of words that are counted */
  OPERATOR = 3,
  DIGIT = 7,         /* kinds of numbers are DIGIT to LONG_NUMBER */
  LONG_NUMBER = 9,
  KEYWORD = 10,
  PRESENT = 21,      /* kinds of words of which it matters whether one occurs */
  ASKS_HOW_MANY = 6, /* one of them: its bit */
  CUES = 7,          /* kinds of words that are counted in word problems */
  PROBLEM = 4 + CUES, /* features of word problems */
  HAND = 29 + 2 * KINDS + PRESENT + PROBLEM, /* hand features */
  LONG_WORD = 10,    /* characters */
  KNOWN_PLACES = 2048,
  KNOWN_MOST = 1024, /* so that a search of the table always ends */
  KNOWN_LONGEST = 24,
};

typedef struct { /* a text, in whatever width Python keeps it */
  int kind;
  const void *data;
  Py_ssize_t size;
  int ascii;
} Text;

typedef struct {
  Py_ssize_t start, size;
  uint32_t crc;
} Word;

typedef struct { /* a word of a table of hand.py */
  uint32_t crc, present;
  uint8_t kind, cue, size;
  Py_UCS4 letters[KNOWN_LONGEST];
} Known;

typedef struct { /* what the tables say of the words of the final text */
  uint32_t words, distinct, longs, present, counts[KINDS + 1], cues[CUES + 1];
} Traits;

typedef struct { /* what the hand features need to know beside the final text and its words */
  Py_ssize_t chars, system, turns, tools;
} Around;

typedef struct { /* distinct numbers and their weights, row after row */
  int32_t *numbers;
  float *weights;
  Py_ssize_t *ends; /* of each row */
  Py_ssize_t widest;
} Bag;

typedef struct {
  PyObject_HEAD
  float weight_of[MAX_WORDS * UNIT + 1];
  Py_ssize_t known;
  uint16_t place[KNOWN_PLACES]; /* 1 + index into words, by CRC; 0 is empty */
  Known words[KNOWN_MOST];
} Reader;

static inline Py_UCS4 char_at(const Text *text, Py_ssize_t index) {
  return PyUnicode_READ(text->kind, text->data, index);
}

/* words.c */
void fill_tables(void);
uint32_t crc_of(const Py_UCS4 *letters, Py_ssize_t size);
Py_ssize_t find_words(const Text *text, Word *words, Py_ssize_t room);
void note_traits(
    const Reader *self, const Text *text, const Word *words, Py_ssize_t count, Traits *traits);

/* bags.c */
int make_bag(Bag *bag, Py_ssize_t rows);
void free_bag(Bag *bag);
void add_row(const Reader *self, Bag *bag, Py_ssize_t row, uint32_t *keys, Py_ssize_t size);
PyObject *padded(const Bag *bag, Py_ssize_t rows);

/* hand.c */
void hand_features(const Text *text, const Around *around, const Traits *traits, float *features);
