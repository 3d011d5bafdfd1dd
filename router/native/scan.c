/* Scans JSON bodies in C, with the same result as router/protocols/scan.py and many times faster.
 *
 * The Python code is the definition, and runs where there was no compiler; a property test compares the
 * two. One pass, no recursion. orjson has accepted the bytes before, so their grammar is not checked
 * again; any other bytes are safe too, because a bytes object ends in a NUL, at which every loop over
 * single bytes stops. Twins are keys that stand twice in an object. C decides only the easy case, that
 * an object has none: few keys, no escapes, no two equal. It passes any other to refuse_twins in Python.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum {
  EDITION = 1, /* must equal the one in router/protocols/scan.py */
  LEVELS = 254, /* the largest max_depth */
  FEW = 16, /* so many keys at most are compared here, each with each */
  ON_STACK = 64, /* keys of open objects; for more, memory is allocated */
};

typedef struct {
  PyObject_HEAD
  PyObject *refuse_twins, *too_deep, *decode;
  Py_ssize_t max_depth, max_keys;
} Scanner;

typedef struct { /* a key, without its quotes */
  const char *text;
  Py_ssize_t size;
} Key;

typedef struct { /* an open object or array */
  Py_ssize_t first; /* where its keys begin in `keys` */
  char closing;
  char escaped; /* whether one of its keys has an escape */
  char folded; /* whether its keys are compared after folding: case, _ and - */
} Level;

typedef struct { /* the state of one call */
  const Scanner *self;
  const char *begin, *at, *end;
  PyObject *folded, *members;
  PyObject *param; /* the key of the member being read, or NULL */
  Py_ssize_t key_start, value_start; /* where its key and its value begin */
  Key *keys, *more; /* keys of all open objects; `more`: allocated for them, or NULL */
  Py_ssize_t count, room;
  Py_ssize_t depth;
  Level levels[LEVELS];
  Key on_stack[ON_STACK];
} Scan;

static int refuse(const char *why) {
  PyErr_SetString(PyExc_ValueError, why);
  return -1;
}

static void skip_space(Scan *scan) {
  while (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t') scan->at++;
}

/* Move past the string that begins here. Return 1 if it has an escape, else 0; -1 if it is none. */
static int skip_string(Scan *scan) {
  const char *at = scan->at + 1, *end = scan->end;
  int escaped = 0;
  if (*scan->at != '"') return refuse("not JSON");
  const char *quote = memchr(at, '"', (size_t)(end - at)), *slash;
  while (quote && (slash = memchr(at, '\\', (size_t)(quote - at)))) {
    escaped = 1;
    at = slash + 2;
    if (at > quote) quote = memchr(at, '"', (size_t)(end - at));
  }
  if (!quote) return refuse("not JSON");
  scan->at = quote + 1;
  return escaped;
}

static PyObject *text_of(const Scan *scan, const Key *key, int escaped) {
  if (!escaped) return PyUnicode_DecodeUTF8(key->text, key->size, NULL);
  PyObject *text = NULL, *quoted = PyBytes_FromStringAndSize(key->text - 1, key->size + 2);
  if (quoted) text = PyObject_CallOneArg(scan->self->decode, quoted);
  Py_XDECREF(quoted);
  if (!text || PyUnicode_Check(text)) return text;
  Py_DECREF(text);
  refuse("not JSON");
  return NULL;
}

static int add_key(Scan *scan, Key key) {
  if (scan->count == scan->room) {
    size_t size = (size_t)scan->room * sizeof key;
    Key *more = PyMem_Realloc(scan->more, 2 * size);
    if (!more) {
      PyErr_NoMemory();
      return -1;
    }
    if (!scan->more) memcpy(more, scan->on_stack, size);
    scan->keys = scan->more = more;
    scan->room *= 2;
  }
  scan->keys[scan->count++] = key;
  return 0;
}

/* Read a key and move to its value. Return 0, or -1 for an error. */
static int read_key(Scan *scan) {
  const char *start = scan->at;
  Level *level = &scan->levels[scan->depth - 1];
  int escaped = skip_string(scan);
  if (escaped < 0) return -1;
  Key key = {start + 1, scan->at - start - 2};
  level->escaped |= (char)escaped;
  if (add_key(scan, key)) return -1;
  skip_space(scan);
  if (*scan->at != ':') return refuse("not JSON");
  scan->at++;
  skip_space(scan);
  if (scan->depth > 1) return 0;
  Py_XDECREF(scan->param);
  scan->param = text_of(scan, &key, escaped);
  scan->key_start = start - scan->begin;
  scan->value_start = scan->at - scan->begin;
  return scan->param ? 0 : -1;
}

/* Note the member whose value ends here. Return 0 or -1. */
static int end_member(Scan *scan) {
  Py_ssize_t places[] = {scan->key_start, scan->value_start, scan->at - scan->begin};
  PyObject *span = PyTuple_New(3);
  if (!span) return -1;
  for (int k = 0; k < 3; k++) {
    PyObject *place = PyLong_FromSsize_t(places[k]);
    if (!place) {
      Py_DECREF(span);
      return -1;
    }
    PyTuple_SET_ITEM(span, k, place);
  }
  int failed = PyDict_SetItem(scan->members, scan->param, span);
  Py_DECREF(span);
  return failed;
}

/* Enter the object or array that begins here. Return 0 or -1. */
static int open_level(Scan *scan) {
  int folded = scan->depth == 0, object = *scan->at++ == '{';
  if (scan->depth == scan->self->max_depth) {
    PyObject *error = PyObject_CallNoArgs(scan->self->too_deep);
    if (error) PyErr_SetObject(scan->self->too_deep, error);
    Py_XDECREF(error);
    return -1;
  }
  if (scan->depth == 1 && object && scan->folded)
    if ((folded = PySequence_Contains(scan->folded, scan->param)) < 0) return -1;
  scan->levels[scan->depth++] = (Level){scan->count, object ? '}' : ']', 0, (char)folded};
  return 0;
}

/* A hash that is the same for keys that are equal after folding; 0 if only Python can fold the key. */
static uint64_t folded_number(const Key *key) {
  uint64_t number = 1;
  for (Py_ssize_t k = 0; k < key->size; k++) {
    unsigned char c = (unsigned char)key->text[k];
    if (c == '_' || c == '-') continue;
    if (c >= 0x80) return 0;
    number = number * 0x9e3779b97f4a7c15u + ((unsigned)c - 'A' < 26 ? c + 32u : c);
  }
  return number ? number : 1;
}

/* Whether no two of a few keys can be equal after folding. */
static int differ_folded(const Key *keys, Py_ssize_t count) {
  uint64_t numbers[FEW];
  for (Py_ssize_t k = 0; k < count; k++) {
    if (!(numbers[k] = folded_number(&keys[k]))) return 0;
    for (Py_ssize_t j = 0; j < k; j++)
      if (numbers[j] == numbers[k]) return 0;
  }
  return 1;
}

/* Whether no two of a few keys are equal. */
static int differ(const Key *keys, Py_ssize_t count) {
  for (Py_ssize_t k = 1; k < count; k++)
    for (Py_ssize_t j = 0; j < k; j++)
      if (keys[j].size == keys[k].size && !memcmp(keys[j].text, keys[k].text, (size_t)keys[k].size))
        return 0;
  return 1;
}

/* Let Python check the keys of the innermost object. Return 0, or -1 if it refuses them. */
static int ask_python(Scan *scan, const Level *level) {
  const Scanner *self = scan->self;
  Py_ssize_t count = scan->count - level->first;
  if (count > self->max_keys) count = self->max_keys + 1;
  PyObject *texts = PyList_New(count), *answer = NULL;
  for (Py_ssize_t k = 0; texts && k < count; k++) {
    const Key *key = &scan->keys[level->first + k];
    PyObject *text = text_of(scan, key, level->escaped);
    if (text) PyList_SET_ITEM(texts, k, text);
    else Py_CLEAR(texts);
  }
  PyObject *param = scan->depth > 1 ? scan->param : Py_None;
  PyObject *given[] = {texts, level->folded ? Py_True : Py_False, param};
  if (texts) answer = PyObject_Vectorcall(self->refuse_twins, given, 3, NULL);
  Py_XDECREF(texts);
  Py_XDECREF(answer);
  return answer ? 0 : -1;
}

/* Leave the innermost object or array. Return 0 or -1. */
static int close_level(Scan *scan) {
  const Level *level = &scan->levels[scan->depth - 1];
  const Key *keys = scan->keys + level->first;
  Py_ssize_t count = scan->count - level->first;
  scan->at++;
  if (count > 1 || count > scan->self->max_keys) {
    int fine = count <= FEW && count <= scan->self->max_keys && !level->escaped;
    if (fine) fine = level->folded ? differ_folded(keys, count) : differ(keys, count);
    if (!fine && ask_python(scan, level)) return -1;
  }
  scan->count = level->first;
  scan->depth--;
  return scan->depth == 1 ? end_member(scan) : 0;
}

/* Move past a string, number or word, or enter an object or array. Return 0 or -1. */
static int read_value(Scan *scan) {
  const char *start = scan->at;
  if (*start == '{' || *start == '[') return open_level(scan);
  if (*start == '"') {
    if (skip_string(scan) < 0) return -1;
  } else {
    const char *at = start;
    while ((unsigned char)*at > ' ' && *at != ',' && *at != ']' && *at != '}') at++;
    if (at == start) return refuse("not JSON");
    scan->at = at;
  }
  return scan->depth == 1 ? end_member(scan) : 0;
}

static int read_all(Scan *scan) {
  skip_space(scan);
  if (*scan->at != '{') return refuse("not a JSON object");
  if (open_level(scan)) return -1;
  while (scan->depth) {
    skip_space(scan);
    char closing = scan->levels[scan->depth - 1].closing;
    if (*scan->at == ',') scan->at++;
    else if (*scan->at == closing) {
      if (close_level(scan)) return -1;
    } else if ((closing == '}' && read_key(scan)) || read_value(scan)) return -1;
  }
  return 0;
}

static PyObject *Scanner_scan(Scanner *self, PyObject *const *given, Py_ssize_t count) {
  if (count < 1 || count > 2 || !PyBytes_Check(given[0])) {
    PyErr_SetString(PyExc_TypeError, "scan(raw: bytes, folded: set[str] = frozenset())");
    return NULL;
  }
  if (!self->refuse_twins) {
    refuse("a scanner without rules");
    return NULL;
  }
  Scan scan;
  scan.self = self;
  scan.begin = scan.at = PyBytes_AS_STRING(given[0]);
  scan.end = scan.begin + PyBytes_GET_SIZE(given[0]);
  scan.folded = count > 1 ? given[1] : NULL;
  scan.param = NULL;
  scan.keys = scan.on_stack;
  scan.more = NULL;
  scan.room = ON_STACK;
  scan.count = scan.depth = 0;
  if (!(scan.members = PyDict_New())) return NULL;
  if (read_all(&scan)) Py_CLEAR(scan.members);
  PyMem_Free(scan.more);
  Py_XDECREF(scan.param);
  return scan.members;
}

static int Scanner_init(Scanner *self, PyObject *args, PyObject *Py_UNUSED(keywords)) {
  PyObject *refuse_twins, *too_deep, *decode;
  Py_ssize_t max_depth, max_keys;
  if (!PyArg_ParseTuple(args, "OOOnn", &refuse_twins, &too_deep, &decode, &max_depth, &max_keys))
    return -1;
  if (max_depth < 1 || max_depth > LEVELS || max_keys < 0) return refuse("a bound is out of range");
  if (self->refuse_twins) return refuse("a scanner has one set of rules");
  self->refuse_twins = Py_NewRef(refuse_twins);
  self->too_deep = Py_NewRef(too_deep);
  self->decode = Py_NewRef(decode);
  self->max_depth = max_depth;
  self->max_keys = max_keys;
  return 0;
}

static void Scanner_dealloc(Scanner *self) {
  Py_XDECREF(self->refuse_twins);
  Py_XDECREF(self->too_deep);
  Py_XDECREF(self->decode);
  Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef METHODS[] = {
    {"scan", (PyCFunction)(void (*)(void))Scanner_scan, METH_FASTCALL, "Return a body's members."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject ScannerType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "router._scan.Scanner",
    .tp_doc = "Scans bodies; see _scan.pyi.",
    .tp_basicsize = sizeof(Scanner),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)Scanner_init,
    .tp_dealloc = (destructor)Scanner_dealloc,
    .tp_methods = METHODS,
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_scan", "Scanning JSON bodies in C.", -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__scan(void) {
  PyObject *module;
  if (PyType_Ready(&ScannerType) || !(module = PyModule_Create(&MODULE))) return NULL;
  if (PyModule_AddIntConstant(module, "EDITION", EDITION) ||
      PyModule_AddObjectRef(module, "Scanner", (PyObject *)&ScannerType)) {
    Py_DECREF(module);
    return NULL;
  }
  return module;
}
