/* Joins what a large body is made of, beside the interpreter; router/protocols/beside.py says why.
 *
 * join() copies pieces behind one another. fill() writes texts as JSON into the holes of a document,
 * as orjson writes them. All bytes are counted and copied without the interpreter's lock.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

enum {
  EDITION = 1, /* must equal the one in router/protocols/beside.py */
  HOLE = 0xff, /* no byte of UTF-8 */
};

/* How many bytes a character below U+0080 has in a text of JSON. */
static inline Py_ssize_t size_of_ascii(Py_UCS4 c) {
  if (c >= 0x20) return 1 + (c == '"' || c == '\\');
  return c == '\b' || c == '\t' || c == '\n' || c == '\f' || c == '\r' ? 2 : 6;
}

static inline char *put_ascii(char *to, Py_UCS4 c) {
  static const char HEX[] = "0123456789abcdef", NAMES[] = "btn-fr";
  if (c >= 0x20 && c != '"' && c != '\\') {
    *to++ = (char)c;
    return to;
  }
  *to++ = '\\';
  if (c >= 0x20) *to++ = (char)c;
  else if (size_of_ascii(c) == 2) *to++ = NAMES[c - '\b'];
  else {
    memcpy(to, "u00", 3);
    to[3] = HEX[c >> 4];
    to[4] = HEX[c & 0xf];
    to += 5;
  }
  return to;
}

static inline char *put_beyond(char *to, Py_UCS4 c) {
  if (c < 0x800) *to++ = (char)(0xc0 | c >> 6);
  else {
    if (c < 0x10000) *to++ = (char)(0xe0 | c >> 12);
    else {
      *to++ = (char)(0xf0 | c >> 18);
      *to++ = (char)(0x80 | (c >> 12 & 0x3f));
    }
    *to++ = (char)(0x80 | (c >> 6 & 0x3f));
  }
  *to++ = (char)(0x80 | (c & 0x3f));
  return to;
}

/* The size of a text as JSON, without its quotes: -1 where it has half a character, which is no UTF-8;
 * and the text itself. */
#define TEXT(WIDTH, TYPE)                                                                           \
  static Py_ssize_t size##WIDTH(const TYPE *at, const TYPE *end) {                                   \
    Py_ssize_t size = 0;                                                                             \
    for (; at < end; at++) {                                                                         \
      Py_UCS4 c = *at;                                                                               \
      if (c >= 0xd800 && c < 0xe000) return -1;                                                      \
      size += c < 0x80 ? size_of_ascii(c) : 2 + (c >= 0x800) + (c >= 0x10000);                       \
    }                                                                                                \
    return size;                                                                                     \
  }                                                                                                  \
  static char *put##WIDTH(char *to, const TYPE *at, const TYPE *end) {                               \
    for (; at < end; at++) to = *at < 0x80 ? put_ascii(to, *at) : put_beyond(to, *at);               \
    return to;                                                                                       \
  }
TEXT(1, Py_UCS1)
TEXT(2, Py_UCS2)
TEXT(4, Py_UCS4)

static Py_ssize_t size_of(PyObject *text) {
  Py_ssize_t chars = PyUnicode_GET_LENGTH(text);
  const void *data = PyUnicode_DATA(text);
  if (PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND) return size1(data, (const Py_UCS1 *)data + chars);
  if (PyUnicode_KIND(text) == PyUnicode_2BYTE_KIND) return size2(data, (const Py_UCS2 *)data + chars);
  return size4(data, (const Py_UCS4 *)data + chars);
}

static char *put(char *to, PyObject *text) {
  Py_ssize_t chars = PyUnicode_GET_LENGTH(text);
  const void *data = PyUnicode_DATA(text);
  if (PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND) return put1(to, data, (const Py_UCS1 *)data + chars);
  if (PyUnicode_KIND(text) == PyUnicode_2BYTE_KIND) return put2(to, data, (const Py_UCS2 *)data + chars);
  return put4(to, data, (const Py_UCS4 *)data + chars);
}

/* The size of the document with its texts; -1 where one is no UTF-8, -2 where there are more texts than
 * holes, or fewer. */
static Py_ssize_t filled(const char *at, const char *end, PyObject *texts) {
  Py_ssize_t size = end - at, count = PyTuple_GET_SIZE(texts), holes = 0;
  while ((at = memchr(at, HOLE, (size_t)(end - at)))) {
    if (holes == count) return -2;
    Py_ssize_t more = size_of(PyTuple_GET_ITEM(texts, holes++));
    if (more < 0) return -1;
    size += more + 1; /* two quotes for the hole */
    at++;
  }
  return holes == count ? size : -2;
}

static void write_filled(char *to, const char *at, const char *end, PyObject *texts) {
  const char *hole;
  for (Py_ssize_t k = 0; (hole = memchr(at, HOLE, (size_t)(end - at))); k++, at = hole + 1) {
    memcpy(to, at, (size_t)(hole - at));
    to += hole - at;
    *to++ = '"';
    to = put(to, PyTuple_GET_ITEM(texts, k));
    *to++ = '"';
  }
  memcpy(to, at, (size_t)(end - at));
}

static PyObject *fill(PyObject *Py_UNUSED(module), PyObject *args) {
  PyObject *small, *texts, *whole;
  if (!PyArg_ParseTuple(args, "SO!:fill", &small, &PyTuple_Type, &texts)) return NULL;
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(texts); k++)
    if (!PyUnicode_Check(PyTuple_GET_ITEM(texts, k))) {
      PyErr_SetString(PyExc_TypeError, "fill(small: bytes, texts: tuple[str, ...])");
      return NULL;
    }
  const char *begin = PyBytes_AS_STRING(small), *end = begin + PyBytes_GET_SIZE(small);
  Py_ssize_t size;
  Py_BEGIN_ALLOW_THREADS
  size = filled(begin, end, texts);
  Py_END_ALLOW_THREADS
  if (size < 0) {
    PyErr_SetString(PyExc_ValueError, size == -1 ? "half a character" : "not as many holes as texts");
    return NULL;
  }
  if (!(whole = PyBytes_FromStringAndSize(NULL, size))) return NULL;
  Py_BEGIN_ALLOW_THREADS
  write_filled(PyBytes_AS_STRING(whole), begin, end, texts);
  Py_END_ALLOW_THREADS
  return whole;
}

static PyObject *joined(const Py_buffer *pieces, Py_ssize_t count) {
  Py_ssize_t size = 0;
  for (Py_ssize_t k = 0; k < count; k++) {
    if (pieces[k].len > PY_SSIZE_T_MAX - size) return PyErr_NoMemory();
    size += pieces[k].len;
  }
  PyObject *whole = PyBytes_FromStringAndSize(NULL, size);
  if (!whole) return NULL;
  char *to = PyBytes_AS_STRING(whole);
  Py_BEGIN_ALLOW_THREADS
  for (Py_ssize_t k = 0; k < count; k++) {
    if (pieces[k].len) memcpy(to, pieces[k].buf, (size_t)pieces[k].len);
    to += pieces[k].len;
  }
  Py_END_ALLOW_THREADS
  return whole;
}

static PyObject *join(PyObject *Py_UNUSED(module), PyObject *parts) {
  if (!PyTuple_Check(parts)) {
    PyErr_SetString(PyExc_TypeError, "join(parts: tuple[bytes | memoryview, ...])");
    return NULL;
  }
  Py_ssize_t count = PyTuple_GET_SIZE(parts), got = 0;
  PyObject *whole = NULL;
  Py_buffer *pieces = PyMem_Calloc((size_t)count + 1, sizeof *pieces);
  if (!pieces) return PyErr_NoMemory();
  while (got < count && !PyObject_GetBuffer(PyTuple_GET_ITEM(parts, got), &pieces[got], PyBUF_SIMPLE)) got++;
  if (got == count) whole = joined(pieces, count);
  while (got) PyBuffer_Release(&pieces[--got]);
  PyMem_Free(pieces);
  return whole;
}

/* Whether a text of JSON may have characters beyond ASCII: as such, or as escapes by number. */
static int widens(const unsigned char *at, Py_ssize_t size) {
  unsigned char beyond = 0;
  Py_ssize_t k = 0;
  for (; size - k > 256 && !beyond; k += 256)
    for (int n = 0; n < 256; n++) /* without a branch, so that compilers take many at once */
      beyond |= (unsigned char)((at[k + n] & 0x80) | ((at[k + n] == '\\') & (at[k + n + 1] == 'u')));
  for (; k < size && !beyond; k++) beyond = (at[k] & 0x80) || (k + 1 < size && at[k] == '\\' && at[k + 1] == 'u');
  return beyond != 0;
}

static PyObject *may_widen(PyObject *Py_UNUSED(module), PyObject *body) {
  Py_buffer raw;
  int found;
  if (PyObject_GetBuffer(body, &raw, PyBUF_SIMPLE)) return NULL;
  Py_BEGIN_ALLOW_THREADS
  found = widens(raw.buf, raw.len);
  Py_END_ALLOW_THREADS
  PyBuffer_Release(&raw);
  return PyBool_FromLong(found);
}

static PyMethodDef METHODS[] = {
    {"fill", fill, METH_VARARGS, "Write texts as JSON into the holes of a document."},
    {"may_widen", may_widen, METH_O, "Whether it may have characters beyond ASCII."},
    {"join", join, METH_O, "Copy pieces behind one another."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_join", "Large bodies, written beside the interpreter.",
    -1, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__join(void) {
  PyObject *module = PyModule_Create(&MODULE);
  if (module && PyModule_AddIntConstant(module, "EDITION", EDITION)) Py_CLEAR(module);
  return module;
}
