/* Takes the long texts out of a JSON body, beside the interpreter; router/protocols/ahead.py says why.
 *
 * cut() finds the texts of at least `least` bytes that are values, checks and decodes them, and makes the
 * body without them: "" stands where each stood. orjson reads that, and put_back() puts the texts there.
 * No grammar is checked but that inside of long texts: of one that is wrong, what is wrong stays in the
 * small body, so that orjson refuses it with its own words. All passes over the bytes run without the
 * interpreter's lock; with it, one object is made a text.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>
#include "json_text.h"

enum {
  EDITION = 1, /* must equal the one in router/protocols/ahead.py */
  LEFT = 12, /* bytes of a wrong text that stay: as many as a pair of escapes has */
  LEAD = 72, /* bytes of a long text that the outline has: signs that say whose a seal is stand there */
  DEEP = 1000, /* more levels than any body may have */
};

typedef struct {
  const char *start, *end; /* the text in the body, without its quotes */
  const char *left; /* what stays of it: nothing but where it is wrong */
  const char *left_end;
  Py_ssize_t number; /* among all texts that are values */
  Py_ssize_t place; /* in the small body */
  Py_ssize_t removed; /* bytes that were taken out, of this one and of all before it */
  Py_ssize_t gone; /* characters that were taken out of this one, as they stood */
  Py_ssize_t chars; /* of the text, decoded */
  Py_UCS4 most; /* its largest character */
  int numbered; /* whether it has an escape by number */
  PyObject *text; /* NULL where it is wrong */
} Cut;

typedef struct {
  PyObject_HEAD
  PyObject *raw, *small, *outline;
  Cut *cuts;
  Py_ssize_t count, room;
  Py_ssize_t surrogates; /* escapes that may be halves of characters */
  int halves, mend;
} Cuts;

/* The first place from here on that is no UTF-8, or NULL. */
static const char *no_utf8(const char *at, const char *end) {
  Py_UCS4 c;
  while (at < end) {
    int size = (unsigned char)*at < 0x80 ? 1 : utf8_char(at, end, &c);
    if (!size) return at;
    at += size;
  }
  return NULL;
}

/* Leave in the small body what is wrong from here on: first of all what is no UTF-8, as orjson looks. */
static void leave(Cut *cut, const char *at) {
  const char *wrong = no_utf8(at, cut->end);
  cut->left = wrong ? wrong : at;
  cut->left_end = cut->end - cut->left > LEFT ? cut->left + LEFT : cut->end;
  while (!wrong && cut->left_end < cut->end && (*cut->left_end & 0xc0) == 0x80) cut->left_end++;
}

/* Count the characters of a text and find its largest, or what is wrong with it. */
static void measure(Cuts *cuts, Cut *cut) {
  const char *at = cut->start, *end = cut->end;
  cut->left = cut->left_end = end;
  while (at < end) {
    const char *run = plain(at, end);
    cut->chars += run - at;
    cut->gone += run - at;
    if ((at = run) == end) return;
    Py_ssize_t beyond = 0;
    at = beyond_ascii(at, end, &beyond, &cut->most);
    cut->chars += beyond;
    cut->gone += beyond;
    if (at == end || beyond) continue;
    Py_UCS4 c = 0;
    int size = *at == '\\' ? escape_char(at, end, &c) : 0;
    if (size && at[1] == 'u') cut->numbered = 1;
    cuts->surrogates += size && at[1] == 'u' && (at[2] | 0x20) == 'd';
    if (size < 0) {
      cuts->halves = 1;
      size = cuts->mend ? 6 : 0;
    }
    if (!size) {
      leave(cut, at);
      return;
    }
    cut->gone += size;
    cut->chars++;
    if (c > cut->most) cut->most = c;
    at += size;
  }
}

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* Note a text that is to be cut; -1 where there is no memory. */
static int note(Cuts *cuts, Cut cut) {
  if (cuts->count == cuts->room) {
    Py_ssize_t room = cuts->room ? 2 * cuts->room : 64;
    Cut *more = PyMem_RawRealloc(cuts->cuts, (size_t)room * sizeof cut);
    if (!more) return -1;
    cuts->cuts = more;
    cuts->room = room;
  }
  cuts->cuts[cuts->count++] = cut;
  return 0;
}

/* Find and measure the long texts. Return the size of the small body, or -1. */
static Py_ssize_t find(Cuts *cuts, const char *begin, const char *end, Py_ssize_t least) {
  Py_ssize_t number = 0, removed = 0;
  const char *at = begin, *quote, *slash, *after;
  while ((at = memchr(at, '"', (size_t)(end - at)))) {
    const char *start = ++at;
    quote = memchr(at, '"', (size_t)(end - at));
    while ((slash = memchr(at, '\\', (size_t)((quote ? quote : end) - at)))) {
      at = end - slash > 2 ? slash + 2 : end;
      if (quote && at > quote) quote = memchr(at, '"', (size_t)(end - at));
    }
    const char *stop = quote ? quote : end;
    at = after = quote ? quote + 1 : end;
    while (after < end && is_space(*after)) after++;
    if (after < end && *after == ':') continue;
    if (stop - start >= least) {
      Cut cut = {.start = start, .end = stop, .number = number, .place = start - begin - removed};
      measure(cuts, &cut);
      cut.removed = removed += (stop - start) - (cut.left_end - cut.left);
      if (note(cuts, cut)) return -1;
    }
    number++;
  }
  return end - begin - removed;
}

static const char NUMBERED[] = "\\u";

static char *copy(char *to, const char *from, const char *end) {
  memcpy(to, from, (size_t)(end - from));
  return to + (end - from);
}

static const char *lead_of(const Cut *cut) { return cut->end - cut->start > LEAD ? cut->start + LEAD : cut->end; }

/* How long the outline is where the small body is so long. */
static Py_ssize_t outlined(const Cuts *cuts, Py_ssize_t size) {
  for (Py_ssize_t k = 0; k < cuts->count; k++) {
    const Cut *cut = &cuts->cuts[k];
    size += lead_of(cut) - cut->start + 2 * cut->numbered - (cut->left_end - cut->left);
  }
  return size;
}

/* Write both: all that stands between the texts, and what stays of them. */
static void write_both(const Cuts *cuts, const char *begin, const char *end) {
  char *small = PyBytes_AS_STRING(cuts->small), *outline = PyBytes_AS_STRING(cuts->outline);
  for (Py_ssize_t k = 0; k < cuts->count; k++) {
    const Cut *cut = &cuts->cuts[k];
    small = copy(copy(small, begin, cut->start), cut->left, cut->left_end);
    outline = copy(copy(outline, begin, cut->start), cut->start, lead_of(cut));
    if (cut->numbered) outline = copy(outline, NUMBERED, NUMBERED + 2);
    begin = cut->end;
  }
  copy(small, begin, end);
  copy(outline, begin, end);
}

static void decode_all(const Cuts *cuts) {
  for (Py_ssize_t k = 0; k < cuts->count; k++) {
    const Cut *cut = &cuts->cuts[k];
    if (!cut->text) continue;
    void *to = PyUnicode_DATA(cut->text);
    if (PyUnicode_KIND(cut->text) == PyUnicode_1BYTE_KIND) decode1(cut->start, cut->end, to);
    else if (PyUnicode_KIND(cut->text) == PyUnicode_2BYTE_KIND) decode2(cut->start, cut->end, to);
    else decode4(cut->start, cut->end, to);
  }
}

/* Do the three passes; between them objects are made, which nobody else sees yet. Return 0 or -1. */
static int fill(Cuts *cuts, Py_ssize_t least) {
  const char *begin = PyBytes_AS_STRING(cuts->raw), *end = begin + PyBytes_GET_SIZE(cuts->raw);
  Py_ssize_t size;
  Py_BEGIN_ALLOW_THREADS
  size = find(cuts, begin, end, least);
  Py_END_ALLOW_THREADS
  if (size < 0) {
    PyErr_NoMemory();
    return -1;
  }
  if (!(cuts->small = PyBytes_FromStringAndSize(NULL, size))) return -1;
  if (!(cuts->outline = PyBytes_FromStringAndSize(NULL, outlined(cuts, size)))) return -1;
  for (Py_ssize_t k = 0; k < cuts->count; k++) {
    Cut *cut = &cuts->cuts[k];
    if (cut->left == cut->end && !(cut->text = PyUnicode_New(cut->chars, cut->most ? cut->most : 127)))
      return -1;
  }
  Py_BEGIN_ALLOW_THREADS
  write_both(cuts, begin, end);
  decode_all(cuts);
  Py_END_ALLOW_THREADS
  return 0;
}

static PyTypeObject CutsType;

static PyObject *cut(PyObject *Py_UNUSED(module), PyObject *args) {
  PyObject *raw;
  Py_ssize_t least;
  int mend;
  if (!PyArg_ParseTuple(args, "Snp:cut", &raw, &least, &mend)) return NULL;
  if (least < LEFT) {
    PyErr_SetString(PyExc_ValueError, "a text that short is not worth a cut");
    return NULL;
  }
  Cuts *cuts = PyObject_New(Cuts, &CutsType);
  if (!cuts) return NULL;
  cuts->raw = Py_NewRef(raw);
  cuts->small = cuts->outline = NULL;
  cuts->cuts = NULL;
  cuts->count = cuts->room = cuts->surrogates = cuts->halves = 0;
  cuts->mend = mend;
  if (fill(cuts, least)) Py_CLEAR(cuts);
  return (PyObject *)cuts;
}

static void Cuts_dealloc(Cuts *self) {
  for (Py_ssize_t k = 0; k < self->count; k++) Py_XDECREF(self->cuts[k].text);
  PyMem_RawFree(self->cuts);
  Py_XDECREF(self->raw);
  Py_XDECREF(self->small);
  Py_XDECREF(self->outline);
  PyObject_Free(self);
}

typedef struct { /* where put_back is */
  Cuts *cuts;
  Py_ssize_t next, number;
} Walk;

static int walk_into(Walk *walk, PyObject *held, int depth);

/* The text that belongs in this place, borrowed; NULL for none, or for an error. */
static PyObject *text_for(Walk *walk, PyObject *held, int depth) {
  if (!PyUnicode_Check(held)) {
    walk_into(walk, held, depth + 1);
    return NULL;
  }
  Cut *next = &walk->cuts->cuts[walk->next];
  if (walk->next == walk->cuts->count || walk->number++ != next->number) return NULL;
  walk->next++;
  if (PyUnicode_GET_LENGTH(held) || !next->text) {
    PyErr_SetString(PyExc_ValueError, "not what the small body says");
    return NULL;
  }
  return next->text;
}

/* Put texts into an object or array, in the order in which they stood. Return 0 or -1. */
static int walk_into(Walk *walk, PyObject *held, int depth) {
  PyObject *key, *value, *text;
  Py_ssize_t at = 0;
  if (depth > DEEP) {
    PyErr_SetString(PyExc_ValueError, "too deep");
    return -1;
  }
  if (PyDict_CheckExact(held))
    while (walk->next < walk->cuts->count && PyDict_Next(held, &at, &key, &value)) {
      if ((text = text_for(walk, value, depth)) && PyDict_SetItem(held, key, text)) return -1;
      if (!text && PyErr_Occurred()) return -1;
    }
  else if (PyList_CheckExact(held))
    for (; walk->next < walk->cuts->count && at < PyList_GET_SIZE(held); at++) {
      if ((text = text_for(walk, PyList_GET_ITEM(held, at), depth))) {
        if (PyList_SetItem(held, at, Py_NewRef(text))) return -1;
      } else if (PyErr_Occurred()) return -1;
    }
  return 0;
}

static PyObject *Cuts_put_back(Cuts *self, PyObject *body) {
  Walk walk = {self, 0, 0};
  if (walk_into(&walk, body, 0)) return NULL;
  if (walk.next == self->count) Py_RETURN_NONE;
  PyErr_SetString(PyExc_ValueError, "not what the small body says");
  return NULL;
}

static PyObject *Cuts_gone(Cuts *self, PyObject *args) {
  Py_ssize_t from, to, gone = 0;
  if (!PyArg_ParseTuple(args, "nn:gone", &from, &to)) return NULL;
  for (Py_ssize_t k = 0; k < self->count; k++)
    if (self->cuts[k].place >= from && self->cuts[k].place <= to) gone += self->cuts[k].gone;
  return PyLong_FromSsize_t(gone);
}

/* How many bytes are missing in the small body before a place of it. */
static PyObject *Cuts_missing(Cuts *self, PyObject *place) {
  Py_ssize_t at = PyLong_AsSsize_t(place), first = 0, beyond = self->count;
  if (at == -1 && PyErr_Occurred()) return NULL;
  while (first < beyond) {
    Py_ssize_t middle = first + (beyond - first) / 2;
    if (self->cuts[middle].place < at) first = middle + 1;
    else beyond = middle;
  }
  return PyLong_FromSsize_t(first ? self->cuts[first - 1].removed : 0);
}

/* The texts that have an escape by number. */
static PyObject *Cuts_numbered(Cuts *self, void *Py_UNUSED(closure)) {
  PyObject *texts = PyList_New(0);
  for (Py_ssize_t k = 0; texts && k < self->count; k++)
    if (self->cuts[k].numbered && self->cuts[k].text && PyList_Append(texts, self->cuts[k].text))
      Py_CLEAR(texts);
  return texts;
}

static PyObject *Cuts_small(Cuts *self, void *Py_UNUSED(closure)) { return Py_NewRef(self->small); }
static PyObject *Cuts_outline(Cuts *self, void *Py_UNUSED(closure)) { return Py_NewRef(self->outline); }
static PyObject *Cuts_halves(Cuts *self, void *Py_UNUSED(closure)) {
  return PyBool_FromLong(self->halves && !self->mend);
}

static PyObject *Cuts_surrogates(Cuts *self, void *Py_UNUSED(closure)) {
  return PyLong_FromSsize_t(self->surrogates);
}

static PyMethodDef OF_CUTS[] = {
    {"put_back", (PyCFunction)Cuts_put_back, METH_O, "Put the texts into what orjson read."},
    {"missing", (PyCFunction)Cuts_missing, METH_O, "How many bytes are missing before a place."},
    {"gone", (PyCFunction)Cuts_gone, METH_VARARGS, "How many characters were taken out between."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef SHOWN[] = {
    {"small", (getter)Cuts_small, NULL, "The body without its long texts.", NULL},
    {"outline", (getter)Cuts_outline, NULL, "The body with the beginnings of its long texts.", NULL},
    {"numbered", (getter)Cuts_numbered, NULL, "The texts that have an escape by number.", NULL},
    {"halves", (getter)Cuts_halves, NULL, "Whether one holds half a character.", NULL},
    {"surrogates", (getter)Cuts_surrogates, NULL, "Escapes that may be halves.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject CutsType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "router._cut.Cuts",
    .tp_doc = "A body without its long texts, and these; see _cut.pyi.",
    .tp_basicsize = sizeof(Cuts),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)Cuts_dealloc,
    .tp_methods = OF_CUTS,
    .tp_getset = SHOWN,
};

static PyObject *utf8_size(PyObject *Py_UNUSED(module), PyObject *text) {
  if (!PyUnicode_Check(text)) {
    PyErr_SetString(PyExc_TypeError, "utf8_size(text: str)");
    return NULL;
  }
  Py_ssize_t chars = PyUnicode_GET_LENGTH(text);
  const void *data = PyUnicode_DATA(text);
  if (PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND) return PyLong_FromSsize_t(size1(data, chars));
  if (PyUnicode_KIND(text) == PyUnicode_2BYTE_KIND) return PyLong_FromSsize_t(size2(data, chars));
  return PyLong_FromSsize_t(size4(data, chars));
}

static PyMethodDef METHODS[] = {
    {"utf8_size", utf8_size, METH_O, "How many bytes a text is in UTF-8."},
    {"cut", cut, METH_VARARGS, "Take the long texts out of a JSON body."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_cut", "Long texts of JSON bodies, beside the interpreter.",
    -1, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__cut(void) {
  PyObject *module;
  if (PyType_Ready(&CutsType) || !(module = PyModule_Create(&MODULE))) return NULL;
  if (PyModule_AddIntConstant(module, "EDITION", EDITION)) {
    Py_DECREF(module);
    return NULL;
  }
  return module;
}
