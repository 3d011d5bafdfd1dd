/* Adds up how much work a JSON body is to parse, as router/protocols/burden.py does in Python, which is
 * the definition: a property test compares the two. Texts are passed over at the speed of memory.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

enum {
  EDITION = 1, /* must equal the one in router/protocols/burden.py */
  PIECE = 120,
  WORD = 12,
  ESCAPE = 4,
  BYTE = 1,
  LONG = 1000000, /* bytes; meanwhile other threads go on */
};

typedef struct {
  const char *at, *end;
  Py_ssize_t sum, most;
} Burden;

/* Whether a byte ends a number or a word. */
static const char ENDS[256] = {[' '] = 1, ['\t'] = 1, ['\n'] = 1, ['\r'] = 1, [','] = 1, [':'] = 1,
                               ['['] = 1, [']'] = 1, ['{'] = 1, ['}'] = 1, ['"'] = 1};

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* Move past the string that begins here, or to the end; a key weighs its bytes too. */
static void pass_string(Burden *burden) {
  const char *start = burden->at + 1, *at = start, *end = burden->end, *slash;
  const char *quote = memchr(at, '"', (size_t)(end - at));
  burden->sum += PIECE;
  while (burden->sum <= burden->most) {
    slash = memchr(at, '\\', (size_t)((quote ? quote : end) - at));
    if (!slash) break;
    burden->sum += ESCAPE;
    at = slash + 2 < end ? slash + 2 : end;
    if (quote && at > quote) quote = memchr(at, '"', (size_t)(end - at));
  }
  at = burden->at = quote ? quote + 1 : end;
  while (at < end && is_space(*at)) at++;
  if (quote && at < end && *at == ':') burden->sum += BYTE * (quote - start);
}

static void pass_word(Burden *burden) {
  burden->sum += WORD;
  while (burden->at < burden->end && !ENDS[(unsigned char)*burden->at] && burden->sum <= burden->most) {
    burden->sum += BYTE;
    burden->at++;
  }
}

static void weigh(Burden *burden) {
  while (burden->at < burden->end && burden->sum <= burden->most) {
    if (*burden->at == '"') pass_string(burden);
    else if (!ENDS[(unsigned char)*burden->at]) pass_word(burden);
    else {
      burden->sum += *burden->at == '{' || *burden->at == '[' ? PIECE + BYTE : BYTE;
      burden->at++;
    }
  }
}

static PyObject *burden_of(PyObject *Py_UNUSED(module), PyObject *const *given, Py_ssize_t count) {
  if (count != 2 || !PyBytes_Check(given[0]) || !PyLong_Check(given[1])) {
    PyErr_SetString(PyExc_TypeError, "burden(raw: bytes, most: int)");
    return NULL;
  }
  Burden burden = {PyBytes_AS_STRING(given[0]), NULL, 0, PyLong_AsSsize_t(given[1])};
  if (burden.most == -1 && PyErr_Occurred()) return NULL;
  burden.end = burden.at + PyBytes_GET_SIZE(given[0]);
  if (burden.end - burden.at < LONG) {
    weigh(&burden);
  } else {
    Py_BEGIN_ALLOW_THREADS
    weigh(&burden);
    Py_END_ALLOW_THREADS
  }
  return PyLong_FromSsize_t(burden.sum);
}

static PyMethodDef METHODS[] = {
    {"burden", (PyCFunction)(void (*)(void))burden_of, METH_FASTCALL, "Return a body's burden."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_burden", "Weighing JSON bodies in C.", -1, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__burden(void) {
  PyObject *module = PyModule_Create(&MODULE);
  if (module && PyModule_AddIntConstant(module, "EDITION", EDITION)) Py_CLEAR(module);
  return module;
}
