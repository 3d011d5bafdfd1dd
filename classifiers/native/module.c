/* Reads prompts in C, with exactly the numbers that python_reader.py gives.
 *
 * The Python code is the definition, and runs where there was no compiler; a property test compares the
 * two on tables of any kind. MAX_WORDS bounds all sizes whatever the text is, and every index follows
 * from that. While there is a pointer into a text no Python code runs except str.lower(), whose result
 * nobody else holds.
 */
#include "reader.h"

typedef struct { /* what one call has read so far */
  Bag words, pairs;
  float *lexical; /* the table's features of each row */
} Batch;

int refuse(const char *why) {
  PyErr_SetString(PyExc_ValueError, why);
  return -1;
}

static Text text_of(PyObject *held) {
  return (Text){PyUnicode_KIND(held), PyUnicode_DATA(held), PyUnicode_GET_LENGTH(held),
                PyUnicode_IS_ASCII(held)};
}

/* Find the words of a passage in lower case, and count them in `values` if given. Return how many, or -1. */
static Py_ssize_t read_words(
    const Reader *self, PyObject *given, Word *words, Py_ssize_t room, Py_ssize_t *values) {
  PyObject *held = given; /* find_words puts ASCII in lower case itself */
  if (PyUnicode_IS_ASCII(given)) Py_INCREF(held);
  else if (!(held = PyObject_CallMethod(given, "lower", NULL))) return -1;
  Text text = text_of(held);
  Py_ssize_t count = find_words(&text, words, room);
  if (values) count_words(self, &text, words, count, values);
  Py_DECREF(held);
  return count;
}

typedef struct { /* keys of one prompt's words, and of pairs of neighbouring words in a passage */
  uint32_t words[MAX_WORDS], pairs[MAX_WORDS];
  Py_ssize_t count, joined;
} Keys;

static void add_keys(Keys *keys, const Word *words, Py_ssize_t count, uint32_t weight) {
  uint32_t last = 0;
  for (Py_ssize_t k = 0; k < count; k++) {
    uint32_t number = words[k].crc % (WORDS - 1) + 1;
    keys->words[keys->count++] = number << WEIGHT_BITS | weight;
    if (k) {
      uint32_t pair = (last * 31337u + number) % (PAIRS - 1) + 1;
      keys->pairs[keys->joined++] = pair << WEIGHT_BITS | weight;
    }
    last = number;
  }
}

/* Read a passage: (text, weight), the text exactly a str. Return 0, or -1 for an error. */
static int read_passage(const Reader *self, PyObject *passage, Keys *keys, Py_ssize_t *values) {
  PyObject *text;
  unsigned int weight;
  Word words[MAX_WORDS];
  if (!PyTuple_Check(passage)) return refuse("a passage is a text and a weight");
  if (!PyArg_ParseTuple(passage, "UI", &text, &weight)) return -1;
  if (weight > UNIT || !PyUnicode_CheckExact(text))
    return refuse("a weight is at most a whole unit, a text a plain str");
  Py_ssize_t fresh = read_words(self, text, words, MAX_WORDS - keys->count, values);
  if (fresh < 0) return -1;
  add_keys(keys, words, fresh, weight);
  return 0;
}

/* Store the measures that come with a text. Return 0, or -1 for an error. */
static int read_given(const Reader *self, PyObject *given, Py_ssize_t *values) {
  if (PyTuple_GET_SIZE(given) != self->table.given) return refuse("too few measures, or too many");
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(given); k++) {
    values[k + 1] = PyLong_AsSsize_t(PyTuple_GET_ITEM(given, k));
    if (values[k + 1] == -1 && PyErr_Occurred()) return -1;
  }
  return 0;
}

/* Read a prompt: its passages, the final text first, and the measures that come with it. Return 0 or -1. */
static int read_row(const Reader *self, PyObject *prompt, Py_ssize_t row, Batch *batch) {
  PyObject *passages, *given;
  Py_ssize_t values[MOST_MEASURES] = {1};
  Keys keys = {.count = 0, .joined = 0};
  if (!PyTuple_Check(prompt)) return refuse("a prompt is its passages and what is around them");
  if (!PyArg_ParseTuple(prompt, "O!O!", &PyList_Type, &passages, &PyTuple_Type, &given)) return -1;
  if (read_given(self, given, values)) return -1;
  if (!PyList_GET_SIZE(passages)) return refuse("a prompt has a final text, if an empty one");
  for (Py_ssize_t k = 0; k < PyList_GET_SIZE(passages) && keys.count < MAX_WORDS; k++)
    if (read_passage(self, PyList_GET_ITEM(passages, k), &keys, k ? NULL : values)) return -1;
  Text text = text_of(PyTuple_GET_ITEM(PyList_GET_ITEM(passages, 0), 0));
  values[1 + self->table.given + LENGTH] = text.size;
  lexical_features(&self->table, &text, values, batch->lexical + row * self->table.features);
  add_row(self, &batch->words, row, keys.words, keys.count);
  add_row(self, &batch->pairs, row, keys.pairs, keys.joined);
  return 0;
}

static PyObject *result_of(const Reader *self, const Batch *batch, Py_ssize_t rows) {
  PyObject *words = padded(&batch->words, rows);
  PyObject *pairs = words ? padded(&batch->pairs, rows) : NULL;
  if (!pairs) {
    Py_XDECREF(words);
    return NULL;
  }
  Py_ssize_t size = rows * self->table.features * (Py_ssize_t)sizeof(float);
  return Py_BuildValue("NNy#", words, pairs, (const char *)batch->lexical, size);
}

static PyObject *Reader_read(Reader *self, PyObject *prompts) {
  Batch batch = {0};
  PyObject *result = NULL;
  if (!PyList_CheckExact(prompts)) {
    PyErr_SetString(PyExc_TypeError, "prompts is a list");
    return NULL;
  }
  Py_ssize_t rows = PyList_GET_SIZE(prompts), row = 0;
  batch.lexical = PyMem_Malloc((size_t)(rows * self->table.features) * sizeof(float) + 1);
  if (make_bag(&batch.words, rows) || make_bag(&batch.pairs, rows) || !batch.lexical) PyErr_NoMemory();
  else {
    while (row < rows && !read_row(self, PyList_GET_ITEM(prompts, row), row, &batch)) row++;
    if (row == rows) result = result_of(self, &batch, rows);
  }
  free_bag(&batch.words);
  free_bag(&batch.pairs);
  PyMem_Free(batch.lexical);
  return result;
}

static int Reader_init(Reader *self, PyObject *args, PyObject *Py_UNUSED(keywords)) {
  return take_table(self, args);
}

static PyMethodDef METHODS[] = {
    {"read", (PyCFunction)Reader_read, METH_O, "Words, pairs and lexical features of prompts."},
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
  PyObject *coded = PyTuple_New(CODED);
  for (int k = 0; coded && k < CODED; k++) {
    PyObject *name = PyUnicode_FromString(CODED_NAMES[k]);
    if (name) PyTuple_SET_ITEM(coded, k, name);
    else Py_CLEAR(coded);
  }
  if (!coded || PyModule_AddObjectRef(module, "CODED", coded) ||
      PyModule_AddIntConstant(module, "INTERFACE", INTERFACE) ||
      PyModule_AddObjectRef(module, "Reader", (PyObject *)&ReaderType))
    Py_CLEAR(module);
  Py_XDECREF(coded);
  return module;
}
