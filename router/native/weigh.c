/* Adds up what each byte of a text weighs after the one before it, as router/ledger/text_weights.py
 * does in Python, which is the definition: a property test compares the two.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

enum {
  PAIRS = 65536,
  LONG = 1000000, /* bytes; meanwhile other threads go on */
};

static unsigned long long sum_of(const unsigned char *at, const unsigned char *end,
                                 const unsigned char *weights) {
  unsigned long long sum = 0;
  unsigned before = ' ';
  for (; at < end; at++) {
    sum += weights[before << 8 | *at];
    before = *at;
  }
  return sum;
}

static PyObject *weigh(PyObject *Py_UNUSED(module), PyObject *const *given, Py_ssize_t count) {
  if (count != 2 || !PyBytes_Check(given[0]) || !PyBytes_Check(given[1]) ||
      PyBytes_GET_SIZE(given[1]) != PAIRS) {
    PyErr_SetString(PyExc_TypeError, "weigh(text: bytes, weights: 65,536 bytes)");
    return NULL;
  }
  const unsigned char *at = (const unsigned char *)PyBytes_AS_STRING(given[0]);
  const unsigned char *end = at + PyBytes_GET_SIZE(given[0]);
  const unsigned char *weights = (const unsigned char *)PyBytes_AS_STRING(given[1]);
  unsigned long long sum;
  if (end - at < LONG) {
    sum = sum_of(at, end, weights);
  } else {
    Py_BEGIN_ALLOW_THREADS
    sum = sum_of(at, end, weights);
    Py_END_ALLOW_THREADS
  }
  return PyLong_FromUnsignedLongLong(sum);
}

static PyMethodDef METHODS[] = {
    {"weigh", (PyCFunction)(void (*)(void))weigh, METH_FASTCALL, "Return the sum of all weights."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_weigh", "Weighing texts in C.", -1, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__weigh(void) { return PyModule_Create(&MODULE); }
