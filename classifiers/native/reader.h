/* Shared by all files of the extension; module.c says what it does. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

enum {
  INTERFACE = 4,     /* as in classifiers/text/native_reader.py */
  WORDS = 1 << 16,   /* word numbers are 1 to WORDS - 1 */
  PAIRS = 1 << 17,   /* pair numbers are 1 to PAIRS - 1 */
  MAX_WORDS = 768,   /* of one prompt */
  UNIT = 20,         /* a weight of one: weights are counted in twentieths */
  WEIGHT_BITS = 5,   /* the lowest bits of a key; the number is above them */
  LONG_WORD = 10,    /* characters */
  KNOWN_PLACES = 2048,
  KNOWN_MOST = 1024, /* fewer than places, so that a search always ends */
  KNOWN_LONGEST = 24,
  KNOWN_CLASSES = 8, /* of one word, and a 0 behind the last */
};

enum { /* the most that a table may hold */
  MOST_MEASURES = 256,
  MOST_ROWS = 512, /* of each kind; features too */
  MOST_PHRASES = 64,
  LONGEST_PHRASE = 15,
};

typedef struct { /* a text, in the width in which Python stores it */
  int kind;
  const void *data;
  Py_ssize_t size;
  int ascii;
} Text;

typedef struct {
  Py_ssize_t start, size;
  uint32_t crc;
} Word;

typedef struct { /* a word that is in a class of words */
  uint32_t crc;
  uint8_t size;
  uint8_t classes[KNOWN_CLASSES]; /* the measures that count it, then 0 */
  Py_UCS4 letters[KNOWN_LONGEST];
} Known;

/* Rows of the table of lexical features (classifiers/text/feature_table.py). `target`,
 * `measure`, `per` and `when` are places of measures. */
typedef struct { int target; Py_UCS4 low, high; } Range;
typedef struct { int target; Py_ssize_t size; char text[LONGEST_PHRASE + 1]; } Phrase;
typedef struct { int target, measure, factor; } Term;
typedef struct { int target, measure, per; double least, most; } Bound;
typedef struct { int measure, per, when, scale; } Feature;

enum { SHARE, LOG, FLAG, SCALES }; /* of a feature */

/* Measures that C code computes, in the order of CODED_NAMES. */
enum {
  OPTIONS, OPTION_CHARS, NUMERIC_OPTIONS, LONGEST_OPTION, SHORTEST_OPTION,
  NUMBERED_LINES, FORMULAS, ENDS_WITH_QUESTION, ENDS_WITH_COLON, STARTS_LOWER, CODED
};

/* The measures of any text follow the given ones, in this order. */
enum { LENGTH, WORD_COUNT, DISTINCT, LONG_WORDS, OF_ANY_TEXT };

typedef struct {
  int measures, given;  /* how many measures; how many of them, from the second on, are given */
  int coded[CODED];     /* the place of each, or -1 */
  Py_ssize_t ranges, phrases, terms, bounds, features;
  Range range[MOST_ROWS];
  Phrase phrase[MOST_PHRASES]; /* sorted by text */
  int first_phrase[129];       /* where those that begin with a character start */
  Term term[MOST_ROWS];
  Bound bound[MOST_ROWS];
  Feature feature[MOST_ROWS];
} Table;

typedef struct { /* distinct numbers and their weights, row after row */
  int32_t *numbers;
  float *weights;
  Py_ssize_t *ends; /* of each row */
  Py_ssize_t widest;
} Bag;

typedef struct {
  PyObject_HEAD
  float weight_of[MAX_WORDS * UNIT + 1];
  Table table;
  Py_ssize_t known;
  uint16_t place[KNOWN_PLACES]; /* 1 + index into words, by CRC; 0 is empty */
  Known words[KNOWN_MOST];
} Reader;

static inline Py_UCS4 char_at(const Text *text, Py_ssize_t index) {
  return PyUnicode_READ(text->kind, text->data, index);
}

static inline int starts_with(const Text *text, Py_ssize_t index, const char *wanted) {
  while (*wanted && index < text->size && char_at(text, index) == (Py_UCS4)*wanted)
    index++, wanted++;
  return !*wanted;
}

/* module.c */
int refuse(const char *why);

/* words.c */
void fill_tables(void);
uint32_t crc_of(const Py_UCS4 *letters, Py_ssize_t size);
Py_ssize_t find_words(const Text *text, Word *words, Py_ssize_t room);
void count_words(
    const Reader *self, const Text *text, const Word *words, Py_ssize_t count, Py_ssize_t *values);

/* bags.c */
int make_bag(Bag *bag, Py_ssize_t rows);
void free_bag(Bag *bag);
void add_row(const Reader *self, Bag *bag, Py_ssize_t row, uint32_t *keys, Py_ssize_t size);
PyObject *padded(const Bag *bag, Py_ssize_t rows);

/* table.c */
int take_table(Reader *self, PyObject *args);

/* coded_measures.c */
extern const char *const CODED_NAMES[CODED];
void coded_measures(const Text *text, Py_ssize_t *values);

/* lexical_features.c */
void lexical_features(
    const Table *table, const Text *text, Py_ssize_t *values, float *features);
