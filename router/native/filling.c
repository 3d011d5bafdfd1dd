/* Bytes that come in pieces, as router/api/filling.py does in Python, which is the definition; here they
 * are where they stay once they have come, so that no copy of all of them is made.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

enum { EDITION = 1 }; /* must equal the one in router/api/filling.py */

typedef struct {
  PyObject_HEAD
  PyObject *held; /* a bytes object that nobody else knows, or NULL */
  Py_ssize_t size; /* how many bytes of it have come */
} Filling;

static int Filling_init(Filling *self, PyObject *args, PyObject *Py_UNUSED(keywords)) {
  Py_ssize_t room;
  if (!PyArg_ParseTuple(args, "n:Filling", &room)) return -1;
  PyObject *held = PyBytes_FromStringAndSize(NULL, room > 0 ? room : 0);
  if (!held) return -1;
  Py_XSETREF(self->held, held);
  self->size = 0;
  return 0;
}

static void Filling_dealloc(Filling *self) {
  Py_XDECREF(self->held);
  Py_TYPE(self)->tp_free((PyObject *)self);
}

static Py_ssize_t Filling_length(Filling *self) { return self->size; }

static PyObject *Filling_add(Filling *self, PyObject *data) {
  if (!PyBytes_Check(data) || !self->held) {
    PyErr_SetString(PyExc_TypeError, "add(data: bytes), before take()");
    return NULL;
  }
  Py_ssize_t more = PyBytes_GET_SIZE(data), room = PyBytes_GET_SIZE(self->held);
  if (more > PY_SSIZE_T_MAX / 4 - self->size) return PyErr_NoMemory();
  if (self->size + more > room) {
    room = 2 * (self->size + more);
    if (PyBytes_GET_SIZE(self->held)) {
      if (_PyBytes_Resize(&self->held, room)) return NULL;
    } else {
      Py_SETREF(self->held, PyBytes_FromStringAndSize(NULL, room));
      if (!self->held) return NULL;
    }
  }
  memcpy(PyBytes_AS_STRING(self->held) + self->size, PyBytes_AS_STRING(data), (size_t)more);
  self->size += more;
  Py_RETURN_NONE;
}

static PyObject *Filling_take(Filling *self, PyObject *Py_UNUSED(ignored)) {
  PyObject *held = self->held;
  Py_ssize_t size = self->size;
  if (!held) {
    PyErr_SetString(PyExc_ValueError, "taken already");
    return NULL;
  }
  self->held = NULL;
  self->size = 0;
  if (size == PyBytes_GET_SIZE(held)) return held;
  if (!size) {
    Py_DECREF(held);
    return PyBytes_FromStringAndSize(NULL, 0);
  }
  _PyBytes_Resize(&held, size);
  return held;
}

static PyMethodDef OF_FILLING[] = {
    {"add", (PyCFunction)Filling_add, METH_O, "Take the next piece."},
    {"take", (PyCFunction)Filling_take, METH_NOARGS, "Return all that came; to be called once."},
    {NULL, NULL, 0, NULL},
};

static PySequenceMethods AS_SEQUENCE = {.sq_length = (lenfunc)Filling_length};

static PyTypeObject FillingType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "router._filling.Filling",
    .tp_doc = "Bytes that come in pieces; see _filling.pyi.",
    .tp_basicsize = sizeof(Filling),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)Filling_init,
    .tp_dealloc = (destructor)Filling_dealloc,
    .tp_methods = OF_FILLING,
    .tp_as_sequence = &AS_SEQUENCE,
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_filling", "Bytes that come in pieces.", -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__filling(void) {
  PyObject *module;
  if (PyType_Ready(&FillingType) || !(module = PyModule_Create(&MODULE))) return NULL;
  if (PyModule_AddIntConstant(module, "EDITION", EDITION) ||
      PyModule_AddObjectRef(module, "Filling", (PyObject *)&FillingType)) {
    Py_DECREF(module);
    return NULL;
  }
  return module;
}
