/* Reading prompts in C: what words.py and bag.py say, number for number, in a tenth of the time.
 *
 * The Python there is the definition, and what runs where no compiler was at hand; a property test
 * holds the two together. A text is walked once: a word is hashed (CRC-32 of its UTF-8) while it is
 * read, and never becomes an object. Numbers are bounded by MAX_WORDS whatever the text, and every
 * index below follows from that. Nothing here runs Python code while it holds a pointer into a
 * text but str.lower(), whose result it then owns.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

enum {
  EDITION = 2,       /* FEATURES_VERSION of classifiers/features.py */
  WORDS = 1 << 16,   /* word numbers are 1 to WORDS - 1 */
  PAIRS = 1 << 17,   /* pair numbers are 1 to PAIRS - 1 */
  MAX_WORDS = 768,   /* of one prompt */
  UNIT = 20,         /* a weight of one, in the twentieths that are counted */
  WEIGHT_BITS = 5,
  DIGIT_BITS = 9,    /* of a pass of the sort: two passes cover 17 bits */
  KINDS = 32,        /* more than there are */
  LONG_WORD = 10,    /* characters */
  KNOWN_PLACES = 2048,
  KNOWN_MOST = 1024, /* so that a search of the table always ends */
  KNOWN_LONGEST = 24,
};

typedef enum { LETTER, GAP, SIGN } Class;

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
  uint8_t kind, size;
  Py_UCS4 letters[KNOWN_LONGEST];
} Known;

typedef struct { /* what the hand features need to know of the final text */
  uint32_t words, distinct, longs, present, counts[KINDS];
} Traits;

typedef struct { /* distinct numbers and their weights, row after row */
  int32_t *numbers;
  float *weights;
  Py_ssize_t *ends; /* of each row */
  Py_ssize_t widest;
} Bag;

typedef struct {
  PyObject_HEAD
  float weight_of[MAX_WORDS * UNIT + 1];
  Py_ssize_t kinds, known;
  uint16_t place[KNOWN_PLACES]; /* 1 + index into words, by CRC; 0 is empty */
  Known words[KNOWN_MOST];
} Reader;

static uint32_t CRC[256];
static uint8_t CLASS_OF[2][128]; /* of ASCII: in a text of ASCII alone, and in any other */

static void fill_tables(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xEDB88320u ^ crc >> 1 : crc >> 1;
    CRC[byte] = crc;
  }
  for (int c = 0; c < 128; c++) {
    int gap = (c >= 9 && c <= 13) || (c >= 28 && c <= 32);
    int letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    int control = c < 32 || c == 127; /* a sign among foreign letters, else part of a word */
    CLASS_OF[0][c] = gap ? GAP : letter || control ? LETTER : SIGN;
    CLASS_OF[1][c] = gap ? GAP : letter ? LETTER : SIGN;
  }
}

static inline Py_UCS4 letter_at(const Text *text, Py_ssize_t index) {
  Py_UCS4 c = PyUnicode_READ(text->kind, text->data, index);
  if (c - 'A' < 26u) return c + ('a' - 'A');
  return c - '1' < 9u ? '0' : c;
}

static inline int stands_alone(Py_UCS4 c) { /* Chinese, Japanese, Korean: a word each */
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

/* Find the words of a text, at most `room`; their number. */
static Py_ssize_t find_words(const Text *text, Word *words, Py_ssize_t room) {
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
  uint16_t seen[4 * 512] = {0}; /* more than twice MAX_WORDS: a search always ends */
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

static void note_traits(
    const Reader *self, const Text *text, const Word *words, Py_ssize_t count, Traits *traits) {
  memset(traits, 0, sizeof *traits);
  for (Py_ssize_t k = 0; k < count; k++) {
    const Known *known = known_word(self, text, &words[k]);
    if (known) {
      traits->counts[known->kind]++;
      traits->present |= known->present;
    }
    traits->longs += words[k].size >= LONG_WORD;
  }
  traits->words = (uint32_t)count;
  traits->distinct = (uint32_t)count_distinct(text, words, count);
}

/* Sort keys of `size` <= MAX_WORDS by number; `spare` is as long. */
static void sort_keys(uint32_t *keys, uint32_t *spare, Py_ssize_t size) {
  for (int shift = WEIGHT_BITS; shift < WEIGHT_BITS + 2 * DIGIT_BITS; shift += DIGIT_BITS) {
    uint16_t starts[(1 << DIGIT_BITS) + 1] = {0};
    uint32_t mask = (1u << DIGIT_BITS) - 1;
    for (Py_ssize_t k = 0; k < size; k++) starts[(keys[k] >> shift & mask) + 1]++;
    for (uint32_t digit = 0; digit < mask; digit++) starts[digit + 1] += starts[digit];
    for (Py_ssize_t k = 0; k < size; k++) spare[starts[keys[k] >> shift & mask]++] = keys[k];
    memcpy(keys, spare, (size_t)size * sizeof *keys);
  }
}

/* Count sorted keys into the bag's next row. */
static void add_row(
    const Reader *self, Bag *bag, Py_ssize_t row, const uint32_t *keys, Py_ssize_t size) {
  Py_ssize_t end = row ? bag->ends[row - 1] : 0, first = end;
  for (Py_ssize_t k = 0; k < size;) {
    uint32_t number = keys[k] >> WEIGHT_BITS, total = 0;
    while (k < size && keys[k] >> WEIGHT_BITS == number)
      total += keys[k++] & ((1u << WEIGHT_BITS) - 1);
    bag->numbers[end] = (int32_t)number;
    bag->weights[end++] = self->weight_of[total];
  }
  bag->ends[row] = end;
  if (end - first > bag->widest) bag->widest = end - first;
}

/* The text of a passage in lower case as far as ASCII goes; a new reference to what holds it. */
static PyObject *opened(PyObject *given, Text *text) {
  PyObject *held = given;
  if (PyUnicode_IS_ASCII(given)) Py_INCREF(held);
  else if (!(held = PyObject_CallMethod(given, "lower", NULL))) return NULL;
  *text = (Text){PyUnicode_KIND(held), PyUnicode_DATA(held), PyUnicode_GET_LENGTH(held),
                 PyUnicode_IS_ASCII(held)};
  return held;
}

/* Read the passages of one prompt; 0, or -1 with an exception set. */
static int read_row(
    const Reader *self, PyObject *passages, Py_ssize_t row, Bag *words, Bag *pairs, Traits *traits) {
  uint32_t numbers[MAX_WORDS], neighbours[MAX_WORDS], spare[MAX_WORDS];
  Word found[MAX_WORDS];
  Py_ssize_t count = 0, joined = 0;
  if (!PyList_CheckExact(passages) || !PyList_GET_SIZE(passages)) {
    PyErr_SetString(PyExc_TypeError, "a prompt is a list of passages, the final text first");
    return -1;
  }
  for (Py_ssize_t k = 0; k < PyList_GET_SIZE(passages) && (!k || count < MAX_WORDS); k++) {
    PyObject *given, *held;
    unsigned int weight;
    Text text;
    PyObject *passage = PyList_GET_ITEM(passages, k);
    if (!PyTuple_Check(passage)) {
      PyErr_SetString(PyExc_TypeError, "a passage is a text and a weight");
      return -1;
    }
    if (!PyArg_ParseTuple(passage, "UI", &given, &weight)) return -1;
    if (weight > UNIT) {
      PyErr_SetString(PyExc_ValueError, "a weight is at most a whole unit");
      return -1;
    }
    Py_INCREF(given); /* lower() of a subclass may do anything, to the list as well */
    held = opened(given, &text);
    Py_DECREF(given);
    if (!held) return -1;
    Py_ssize_t fresh = find_words(&text, found, MAX_WORDS - count);
    if (!k) note_traits(self, &text, found, fresh, traits);
    Py_DECREF(held);
    uint32_t last = 0;
    for (Py_ssize_t w = 0; w < fresh; w++) {
      uint32_t number = found[w].crc % (WORDS - 1) + 1;
      numbers[count++] = number << WEIGHT_BITS | weight;
      if (w) neighbours[joined++] = ((last * 31337u + number) % (PAIRS - 1) + 1) << WEIGHT_BITS | weight;
      last = number;
    }
  }
  sort_keys(numbers, spare, count);
  sort_keys(neighbours, spare, joined);
  add_row(self, words, row, numbers, count);
  add_row(self, pairs, row, neighbours, joined);
  return 0;
}

static int make_bag(Bag *bag, Py_ssize_t rows) {
  size_t most = (size_t)rows * MAX_WORDS;
  bag->numbers = PyMem_Malloc(most * sizeof *bag->numbers + 1);
  bag->weights = PyMem_Malloc(most * sizeof *bag->weights + 1);
  bag->ends = PyMem_Malloc((size_t)rows * sizeof *bag->ends + 1);
  bag->widest = 1;
  return bag->numbers && bag->weights && bag->ends ? 0 : -1;
}

static void free_bag(Bag *bag) {
  PyMem_Free(bag->numbers);
  PyMem_Free(bag->weights);
  PyMem_Free(bag->ends);
}

/* Rows of equal width, padded with zeros: (width, numbers, weights). */
static PyObject *padded(const Bag *bag, Py_ssize_t rows) {
  Py_ssize_t size = rows * bag->widest * 4;
  PyObject *numbers = PyBytes_FromStringAndSize(NULL, size);
  PyObject *weights = PyBytes_FromStringAndSize(NULL, size);
  if (!numbers || !weights) {
    Py_XDECREF(numbers);
    Py_XDECREF(weights);
    return NULL;
  }
  char *to_numbers = PyBytes_AS_STRING(numbers), *to_weights = PyBytes_AS_STRING(weights);
  memset(to_numbers, 0, (size_t)size);
  memset(to_weights, 0, (size_t)size);
  Py_ssize_t start = 0;
  for (Py_ssize_t row = 0; row < rows; start = bag->ends[row++]) {
    size_t bytes = (size_t)(bag->ends[row] - start) * 4;
    memcpy(to_numbers + row * bag->widest * 4, bag->numbers + start, bytes);
    memcpy(to_weights + row * bag->widest * 4, bag->weights + start, bytes);
  }
  return Py_BuildValue("nNN", bag->widest, numbers, weights);
}

static PyObject *told(const Reader *self, const Traits *traits) {
  PyObject *counts = PyList_New(self->kinds);
  if (!counts) return NULL;
  for (Py_ssize_t kind = 0; kind < self->kinds; kind++)
    PyList_SET_ITEM(counts, kind, PyLong_FromUnsignedLong(traits->counts[kind + 1]));
  return Py_BuildValue("IIIIN", traits->words, traits->distinct, traits->longs, traits->present, counts);
}

static PyObject *read_rows(
    const Reader *self, PyObject *prompts, Bag *words, Bag *pairs, PyObject *traits) {
  Py_ssize_t rows = PyList_GET_SIZE(prompts);
  for (Py_ssize_t row = 0; row < rows; row++) {
    Traits one;
    if (read_row(self, PyList_GET_ITEM(prompts, row), row, words, pairs, &one)) return NULL;
    PyObject *said = told(self, &one);
    if (!said) return NULL;
    PyList_SET_ITEM(traits, row, said);
  }
  PyObject *of_words = padded(words, rows), *of_pairs = of_words ? padded(pairs, rows) : NULL;
  if (!of_pairs) {
    Py_XDECREF(of_words);
    return NULL;
  }
  return Py_BuildValue("NNO", of_words, of_pairs, traits);
}

static PyObject *Reader_read(Reader *self, PyObject *prompts) {
  Bag words = {0}, pairs = {0};
  PyObject *traits = NULL, *result = NULL;
  if (!PyList_CheckExact(prompts)) {
    PyErr_SetString(PyExc_TypeError, "prompts is a list");
    return NULL;
  }
  Py_ssize_t rows = PyList_GET_SIZE(prompts);
  if (make_bag(&words, rows) || make_bag(&pairs, rows)) PyErr_NoMemory();
  else if ((traits = PyList_New(rows))) result = read_rows(self, prompts, &words, &pairs, traits);
  Py_XDECREF(traits);
  free_bag(&words);
  free_bag(&pairs);
  return result;
}

static int learn_word(Reader *self, PyObject *word, PyObject *facts) {
  unsigned int kind, present;
  if (!PyTuple_Check(facts)) {
    PyErr_SetString(PyExc_TypeError, "what is known of a word is its kind and its bits");
    return -1;
  }
  if (!PyArg_ParseTuple(facts, "II", &kind, &present)) return -1;
  Py_ssize_t size = PyUnicode_GetLength(word);
  if (size < 0) return -1;
  if (kind > (unsigned int)self->kinds || size > KNOWN_LONGEST || self->known == KNOWN_MOST) {
    PyErr_SetString(PyExc_ValueError, "too many or too long words, or an unknown kind");
    return -1;
  }
  Known *known = &self->words[self->known++];
  uint32_t crc = 0xffffffffu;
  for (Py_ssize_t k = 0; k < size; k++) {
    known->letters[k] = PyUnicode_READ_CHAR(word, k);
    crc = crc_letter(crc, known->letters[k]);
  }
  known->crc = ~crc;
  known->present = present;
  known->kind = (uint8_t)kind;
  known->size = (uint8_t)size;
  uint32_t place = known->crc % KNOWN_PLACES;
  while (self->place[place]) place = (place + 1) % KNOWN_PLACES;
  self->place[place] = (uint16_t)self->known;
  return 0;
}

static int Reader_init(Reader *self, PyObject *args, PyObject *Py_UNUSED(keywords)) {
  PyObject *known, *word, *facts;
  Py_buffer weight_of;
  Py_ssize_t kinds, at = 0;
  if (!PyArg_ParseTuple(args, "O!y*n", &PyDict_Type, &known, &weight_of, &kinds)) return -1;
  int wrong = weight_of.len != (Py_ssize_t)sizeof self->weight_of || kinds < 0 || kinds >= KINDS;
  if (!wrong) memcpy(self->weight_of, weight_of.buf, sizeof self->weight_of);
  PyBuffer_Release(&weight_of);
  if (wrong) {
    PyErr_SetString(PyExc_ValueError, "weight_of is of another size, or there are too many kinds");
    return -1;
  }
  self->kinds = kinds;
  self->known = 0;
  memset(self->place, 0, sizeof self->place);
  while (PyDict_Next(known, &at, &word, &facts))
    if (learn_word(self, word, facts)) return -1;
  return 0;
}

static PyMethodDef METHODS[] = {
    {"read", (PyCFunction)Reader_read, METH_O, "Words and pairs of prompts, and traits of each."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject ReaderType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "classifiers._reader.Reader",
    .tp_doc = "Reads prompts; see _reader.pyi.",
    .tp_basicsize = sizeof(Reader),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)Reader_init,
    .tp_methods = METHODS,
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_reader", "Reading prompts in C.", -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__reader(void) {
  fill_tables();
  PyObject *module;
  if (PyType_Ready(&ReaderType) || !(module = PyModule_Create(&MODULE))) return NULL;
  if (PyModule_AddIntConstant(module, "EDITION", EDITION) ||
      PyModule_AddObjectRef(module, "Reader", (PyObject *)&ReaderType)) {
    Py_DECREF(module);
    return NULL;
  }
  return module;
}
