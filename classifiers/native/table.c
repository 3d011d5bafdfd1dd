/* Copies the table of lexical features from Python, row by row.
 *
 * It checks every place of a measure, so that reading a text does not have to.
 */
#include "reader.h"

typedef int (*TakeRow)(Table *table, PyObject *row);

static int is_place(const Table *table, int place) {
  return place >= 0 && place < table->measures;
}

static int refuse_place(void) { return refuse("a row names a measure that there is not"); }

static int take_range(Table *table, PyObject *row) {
  Range *range = &table->range[table->ranges++];
  unsigned int low, high;
  if (!PyArg_ParseTuple(row, "iII", &range->target, &low, &high)) return -1;
  range->low = low;
  range->high = high;
  return is_place(table, range->target) ? 0 : refuse_place();
}

/* Phrases must come sorted by text. */
static int take_phrase(Table *table, PyObject *row) {
  const char *text;
  Py_ssize_t size;
  if (table->phrases == MOST_PHRASES) return refuse("too many phrases");
  Phrase *phrase = &table->phrase[table->phrases++];
  if (!PyArg_ParseTuple(row, "s#i", &text, &size, &phrase->target)) return -1;
  if (!is_place(table, phrase->target)) return refuse_place();
  if (!size || size > LONGEST_PHRASE || strlen(text) != (size_t)size)
    return refuse("a phrase is too long, empty or holds a NUL");
  memcpy(phrase->text, text, (size_t)size + 1);
  phrase->size = size;
  unsigned char first = (unsigned char)text[0];
  if (first > 127 || (table->phrases > 1 && strcmp(phrase[-1].text, text) > 0))
    return refuse("phrases must begin with ASCII and be sorted");
  for (int c = first + 1; c < 129; c++) table->first_phrase[c] = (int)table->phrases;
  return 0;
}

static int take_term(Table *table, PyObject *row) {
  Term *term = &table->term[table->terms++];
  if (!PyArg_ParseTuple(row, "iii", &term->target, &term->measure, &term->factor)) return -1;
  return is_place(table, term->target) && is_place(table, term->measure) ? 0 : refuse_place();
}

static int take_bound(Table *table, PyObject *row) {
  Bound *bound = &table->bound[table->bounds++];
  if (!PyArg_ParseTuple(row, "iiidd", &bound->target, &bound->measure, &bound->per, &bound->least,
                        &bound->most))
    return -1;
  int fits = is_place(table, bound->target) && is_place(table, bound->measure);
  return fits && is_place(table, bound->per) ? 0 : refuse_place();
}

static int take_feature(Table *table, PyObject *row) {
  Feature *feature = &table->feature[table->features++];
  if (!PyArg_ParseTuple(row, "iiii", &feature->measure, &feature->per, &feature->when,
                        &feature->scale))
    return -1;
  if (feature->scale < 0 || feature->scale >= SCALES) return refuse("an unknown scale");
  int fits = is_place(table, feature->measure) && is_place(table, feature->per);
  return fits && is_place(table, feature->when) ? 0 : refuse_place();
}

static int take_rows(Table *table, PyObject *rows, TakeRow take) {
  if (PyList_GET_SIZE(rows) > MOST_ROWS) return refuse("too many rows");
  for (Py_ssize_t k = 0; k < PyList_GET_SIZE(rows); k++) {
    PyObject *row = PyList_GET_ITEM(rows, k);
    if (!PyTuple_Check(row)) return refuse("a row is a tuple");
    if (take(table, row)) return -1;
  }
  return 0;
}

static int take_coded(Table *table, PyObject *places) {
  if (PyList_GET_SIZE(places) != CODED) return refuse("a place for each coded measure");
  for (int k = 0; k < CODED; k++) {
    long place = PyLong_AsLong(PyList_GET_ITEM(places, k));
    if (place == -1 && PyErr_Occurred()) return -1;
    if (place < -1 || place >= table->measures) return refuse_place();
    table->coded[k] = (int)place;
  }
  return 0;
}

static int take_word(Reader *self, PyObject *word, PyObject *classes) {
  if (!PyUnicode_Check(word) || !PyBytes_Check(classes))
    return refuse("words and classes are of another type");
  Py_ssize_t size = PyUnicode_GET_LENGTH(word), number = PyBytes_GET_SIZE(classes);
  if (size > KNOWN_LONGEST || number >= KNOWN_CLASSES || self->known == KNOWN_MOST)
    return refuse("too many words, too long ones, or one in too many classes");
  Known *known = &self->words[self->known++];
  memset(known->classes, 0, sizeof known->classes);
  for (Py_ssize_t k = 0; k < number; k++) {
    known->classes[k] = (uint8_t)PyBytes_AS_STRING(classes)[k];
    if (!known->classes[k] || !is_place(&self->table, known->classes[k])) return refuse_place();
  }
  for (Py_ssize_t k = 0; k < size; k++) known->letters[k] = PyUnicode_READ_CHAR(word, k);
  known->crc = crc_of(known->letters, size);
  known->size = (uint8_t)size;
  uint32_t place = known->crc % KNOWN_PLACES;
  while (self->place[place]) place = (place + 1) % KNOWN_PLACES;
  self->place[place] = (uint16_t)self->known;
  return 0;
}

static int take_words(Reader *self, PyObject *words) {
  PyObject *word, *classes;
  Py_ssize_t at = 0;
  self->known = 0;
  memset(self->place, 0, sizeof self->place);
  while (PyDict_Next(words, &at, &word, &classes))
    if (take_word(self, word, classes)) return -1;
  return 0;
}

/* Take the arguments of Reader (_reader.pyi explains them). Return 0, or -1 for an error. */
int take_table(Reader *self, PyObject *args) {
  Py_buffer weight_of;
  PyObject *coded, *words, *ranges, *phrases, *terms, *bounds, *features;
  Table *table = &self->table;
  memset(table, 0, sizeof *table);
  if (!PyArg_ParseTuple(args, "y*(ii)O!O!O!O!O!O!O!", &weight_of, &table->measures, &table->given,
                        &PyList_Type, &coded, &PyDict_Type, &words, &PyList_Type, &ranges,
                        &PyList_Type, &phrases, &PyList_Type, &terms, &PyList_Type, &bounds,
                        &PyList_Type, &features))
    return -1;
  int fits = weight_of.len == (Py_ssize_t)sizeof self->weight_of;
  if (fits) memcpy(self->weight_of, weight_of.buf, sizeof self->weight_of);
  PyBuffer_Release(&weight_of);
  if (!fits) return refuse("weight_of is of another size");
  if (table->measures > MOST_MEASURES || table->given < 0 ||
      table->given > MOST_MEASURES - 1 - OF_ANY_TEXT ||
      table->measures < 1 + table->given + OF_ANY_TEXT)
    return refuse("too many measures, or too few");
  if (take_coded(table, coded) || take_words(self, words)) return -1;
  if (take_rows(table, ranges, take_range) || take_rows(table, phrases, take_phrase)) return -1;
  if (take_rows(table, terms, take_term) || take_rows(table, bounds, take_bound)) return -1;
  return take_rows(table, features, take_feature);
}
