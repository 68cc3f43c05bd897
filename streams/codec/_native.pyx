# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The codec's fast road, compiled: well-formed records of our own schemas, three to five times as fast as their Python twin.

It takes what is certainly right and refuses the rest by returning None, whereupon `decoder` or `encoder`, the twins in
Python, decide and explain. So it has no error messages and none of the rare forms (blocks with a size, times in
another zone), and where it cannot be built the twins do all the work with the same results.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport (
    PyDate_CheckExact,
    PyDateTime_CheckExact,
    date_day,
    date_month,
    date_year,
    datetime_day,
    datetime_hour,
    datetime_microsecond,
    datetime_minute,
    datetime_month,
    datetime_new,
    datetime_second,
    datetime_tzinfo,
    datetime_year,
    get_utc,
    import_datetime,
)
from cpython.dict cimport PyDict_GetItem, PyDict_SetItem
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

import datetime as dt
import sys
from decimal import Decimal

from streams.codec.decoder import decode_decimal
from streams.codec.encoder import encode_decimal

cdef extern from "Python.h":
    object PyObject_Vectorcall(object callable, PyObject *const *arguments, size_t count, PyObject *names)
    object PyUnicode_DecodeUTF8(const char *text, Py_ssize_t size, const char *errors)
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    int64_t PyLong_AsLongLongAndOverflow(object number, int *overflow)

cdef extern from *:
    """
    #define TIEOUT_ITEMS(t) (((PyTupleObject *)(t))->ob_item)
    """
    PyObject **TIEOUT_ITEMS(PyObject *t)

import_datetime()

cdef enum Kind:
    STRING, BYTES, BOOLEAN, INT, LONG, DECIMAL, DATE, TIMESTAMP, ENUM, RECORD, ARRAY, OPTIONAL, UNION

cdef int _REMEMBERED = 1 << 16
cdef int _EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
cdef int64_t _DAY = 86_400_000
cdef int64_t _FIRST_TIME = -62_135_596_800_000, _LAST_TIME = 253_402_300_799_999
"""From the first millisecond of the year 1 to the last of 9999."""
cdef object _UTC = get_utc()
cdef object _DECIMAL = Decimal
cdef object _FROM_ORDINAL = dt.date.fromordinal


class _Refused(Exception):
    """Not for this road."""


cdef class _Node:
    """One type of a schema, made ready."""
    cdef int kind
    cdef int null  # optional: the index of null
    cdef int scale
    cdef object limit
    cdef object made  # record: its class
    cdef tuple names  # record: its fields
    cdef tuple members  # record: nodes of the fields; union: nodes of the members; enum: the symbols
    cdef _Node item  # array, optional
    cdef dict indexes  # enum: symbol to index; union: class to index
    cdef dict read  # amounts and dates that were read
    cdef dict written  # amounts that were written


cdef class _Input:
    cdef const uint8_t *data
    cdef Py_ssize_t at, end

    cdef int64_t long(self) except? -1:
        cdef uint64_t value = 0
        cdef int shift = 0
        cdef uint8_t byte
        while self.at < self.end and shift <= 63:
            byte = self.data[self.at]
            if shift == 63 and byte > 1:
                break
            self.at += 1
            value |= <uint64_t>(byte & 0x7F) << shift
            if byte < 0x80:
                return <int64_t>(value >> 1) ^ -<int64_t>(value & 1)
            shift += 7
        raise _Refused

    cdef Py_ssize_t length(self) except -1:
        cdef int64_t length = self.long()
        if length < 0 or length > self.end - self.at:
            raise _Refused
        return length

    cdef int byte(self) except -1:
        if self.at >= self.end:
            raise _Refused
        self.at += 1
        return self.data[self.at - 1]


cdef object _read(_Node node, _Input given):
    cdef Py_ssize_t length
    cdef int64_t number, left
    cdef int kind = node.kind
    cdef PyObject *known
    cdef object value
    cdef list items
    if kind == STRING:
        length = given.length()
        value = PyUnicode_DecodeUTF8(<const char *>given.data + given.at, length, NULL)
        given.at += length
        return value
    if kind == DECIMAL or kind == BYTES:
        length = given.length()
        value = PyBytes_FromStringAndSize(<const char *>given.data + given.at, length)
        given.at += length
        return value if kind == BYTES else _amount(node, value)
    if kind == RECORD:
        return _read_record(node, given)
    if kind == ENUM:
        number = given.byte()
        if number & 1 or (number >> 1) >= PyTuple_GET_SIZE(node.members):
            raise _Refused
        return node.members[number >> 1]
    if kind == OPTIONAL:
        number = given.byte()
        if number == 2 * node.null:
            return None
        if number != 2 * (1 - node.null):
            raise _Refused
        return _read(node.item, given)
    if kind == LONG:
        return given.long()
    if kind == INT:
        number = given.long()
        if number < -2147483648 or number > 2147483647:
            raise _Refused
        return number
    if kind == BOOLEAN:
        number = given.byte()
        if number > 1:
            raise _Refused
        return number == 1
    if kind == DATE:
        value = given.long()
        known = PyDict_GetItem(node.read, value)
        if known is not NULL:
            return <object>known
        day = _FROM_ORDINAL(value + _EPOCH_ORDINAL)
        _remember(node.read, value, day)
        return day
    if kind == TIMESTAMP:
        return _time(given.long())
    if kind == ARRAY:
        items = []
        while True:
            left = given.long()
            if left == 0:
                return tuple(items)
            if left < 0:
                raise _Refused
            while left:
                items.append(_read(node.item, given))
                left -= 1
    # a union of records
    number = given.byte()
    if number & 1 or (number >> 1) >= PyTuple_GET_SIZE(node.members):
        raise _Refused
    return _read_record(<_Node>node.members[number >> 1], given)


cdef object _read_record(_Node node, _Input given):
    cdef Py_ssize_t count = PyTuple_GET_SIZE(node.members), index
    cdef tuple values = PyTuple_New(count)
    cdef object value
    for index in range(count):
        value = _read(<_Node>node.members[index], given)
        Py_INCREF(value)
        PyTuple_SET_ITEM(values, index, value)
    return PyObject_Vectorcall(node.made, TIEOUT_ITEMS(<PyObject *>values), 0, <PyObject *>node.names)


cdef object _amount(_Node node, bytes coded):
    cdef PyObject *known = PyDict_GetItem(node.read, coded)
    if known is not NULL:
        return <object>known
    amount = decode_decimal(int.from_bytes(coded, "big", signed=True), node.scale, node.limit)
    _remember(node.read, coded, amount)
    return amount


cdef object _time(int64_t milliseconds):
    if not _FIRST_TIME <= milliseconds <= _LAST_TIME:
        raise _Refused
    cdef int64_t days = milliseconds // _DAY, rest = milliseconds % _DAY
    # Days to a civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    cdef int64_t shifted = days + 719468
    cdef int64_t era = shifted // 146097
    cdef int64_t of_era = shifted - era * 146097
    cdef int64_t year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    cdef int64_t of_year = of_era - (365 * year + year // 4 - year // 100)
    cdef int64_t month = (5 * of_year + 2) // 153
    cdef int day = <int>(of_year - (153 * month + 2) // 5 + 1)
    month = month + 3 if month < 10 else month - 9
    year = year + era * 400 + (1 if month <= 2 else 0)
    return datetime_new(
        <int>year, <int>month, day,
        <int>(rest // 3_600_000), <int>(rest // 60_000 % 60), <int>(rest // 1000 % 60), <int>(rest % 1000 * 1000), _UTC,
    )


cdef int _remember(dict known, object key, object value) except -1:
    if len(known) >= _REMEMBERED:
        known.clear()
    return PyDict_SetItem(known, key, value)


cdef class _Output:
    cdef uint8_t *data
    cdef Py_ssize_t size, room

    def __dealloc__(self):
        free(self.data)

    cdef int need(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t room = self.room or 1024
        cdef void *data
        if self.size + more <= self.room:
            return 0
        while room < self.size + more:
            room *= 2
        data = realloc(self.data, room)
        if data is NULL:
            raise MemoryError
        self.data, self.room = <uint8_t *>data, room
        return 0

    cdef int byte(self, uint8_t value) except -1:
        self.need(1)
        self.data[self.size] = value
        self.size += 1
        return 0

    cdef int long(self, int64_t value) except -1:
        cdef uint64_t rest = (<uint64_t>value << 1) ^ <uint64_t>(value >> 63)
        self.need(10)
        while rest > 0x7F:
            self.data[self.size] = <uint8_t>((rest & 0x7F) | 0x80)
            self.size += 1
            rest >>= 7
        self.data[self.size] = <uint8_t>rest
        self.size += 1
        return 0

    cdef int raw(self, const void *data, Py_ssize_t size) except -1:
        self.need(size)
        memcpy(self.data + self.size, data, size)
        self.size += size
        return 0


cdef int _write(_Node node, object value, _Output out) except -1:
    cdef Py_ssize_t length
    cdef const char *text
    cdef int overflow = 0, kind = node.kind
    cdef int64_t number
    cdef PyObject *known
    cdef bytes coded
    if kind == STRING:
        if not isinstance(value, str):
            raise _Refused
        text = PyUnicode_AsUTF8AndSize(value, &length)
        out.long(length)
        return out.raw(text, length)
    if kind == DECIMAL:
        if type(value) is not _DECIMAL:
            raise _Refused
        known = PyDict_GetItem(node.written, value)
        if known is NULL:
            coded = encode_decimal(value, node.scale, node.limit)
            _remember(node.written, value, coded)
        else:
            coded = <bytes>known
        return out.raw(PyBytes_AS_STRING(coded), PyBytes_GET_SIZE(coded))
    if kind == RECORD:
        return _write_record(node, value, out)
    if kind == ENUM:
        if not isinstance(value, str):
            raise _Refused
        known = PyDict_GetItem(node.indexes, value)
        if known is NULL:
            raise _Refused
        return out.long(<object>known)
    if kind == OPTIONAL:
        if value is None:
            return out.byte(2 * node.null)
        out.byte(2 * (1 - node.null))
        return _write(node.item, value, out)
    if kind == LONG or kind == INT:
        if type(value) is not int:
            raise _Refused
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        if overflow or (kind == INT and not -2147483648 <= number <= 2147483647):
            raise _Refused
        return out.long(number)
    if kind == BOOLEAN:
        if value is not True and value is not False:
            raise _Refused
        return out.byte(value is True)
    if kind == BYTES:
        if type(value) is not bytes:
            raise _Refused
        length = PyBytes_GET_SIZE(value)
        out.long(length)
        return out.raw(PyBytes_AS_STRING(value), length)
    if kind == DATE:
        if not PyDate_CheckExact(value):
            raise _Refused
        return out.long(_days(date_year(value), date_month(value), date_day(value)))
    if kind == TIMESTAMP:
        if not PyDateTime_CheckExact(value) or datetime_tzinfo(value) is not _UTC:
            raise _Refused
        number = _days(datetime_year(value), datetime_month(value), datetime_day(value)) * _DAY
        number += datetime_hour(value) * 3_600_000 + datetime_minute(value) * 60_000
        number += datetime_second(value) * 1000 + datetime_microsecond(value) // 1000
        return out.long(number)
    if kind == ARRAY:
        if type(value) is not tuple:
            raise _Refused
        if value:
            out.long(PyTuple_GET_SIZE(value))
            for item in <tuple>value:
                _write(node.item, item, out)
        return out.byte(0)
    # a union of records
    known = PyDict_GetItem(node.indexes, type(value))
    if known is NULL:
        raise _Refused
    number = <object>known
    out.long(number)
    return _write_record(<_Node>node.members[number], value, out)


cdef int _write_record(_Node node, object record, _Output out) except -1:
    cdef Py_ssize_t index
    if type(record) is not node.made:
        raise _Refused
    for index in range(PyTuple_GET_SIZE(node.members)):
        _write(<_Node>node.members[index], getattr(record, node.names[index]), out)
    return 0


cdef int64_t _days(int64_t year, int64_t month, int64_t day):
    """Days since 1970 of a civil date (the inverse of the algorithm in `_time`), for years from 1 on."""
    if month <= 2:
        year -= 1
        month += 9
    else:
        month -= 3
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day - 1 - 719468


cdef class NativeCodec:
    """Codes one record class; `schema` is the self-contained schema it was generated from."""
    cdef _Node _root
    cdef _Output _out

    def __init__(self, record, schema):
        self._root = _Schemas(vars(sys.modules[record.__module__])).node(schema)
        self._out = _Output()

    def decode(self, bytes payload not None, Py_ssize_t start):
        """Return the record that fills the payload from `start` to its end; None when the twin must look at it."""
        cdef _Input given = _Input()
        given.data = <const uint8_t *>PyBytes_AS_STRING(payload)
        given.at, given.end = start, PyBytes_GET_SIZE(payload)
        if start < 0 or start > given.end:
            return None
        try:
            record = _read(self._root, given)
        except (_Refused, ValueError, ArithmeticError):
            return None
        return record if given.at == given.end else None

    def encode(self, bytes header not None, record):
        """Return the header and the record's body; None when the twin must look at it."""
        cdef _Output out = self._out
        out.size = 0
        try:
            out.raw(PyBytes_AS_STRING(header), PyBytes_GET_SIZE(header))
            _write(self._root, record, out)
        except (_Refused, TypeError, ValueError, AttributeError, ArithmeticError):
            return None
        return PyBytes_FromStringAndSize(<const char *>out.data, out.size)


class _Schemas:
    """Makes nodes of schemas."""

    def __init__(self, classes):
        self._classes = classes
        self._named = {}

    def node(self, schema):
        cdef _Node node = _Node()
        if isinstance(schema, list):
            return self._union(schema)
        if isinstance(schema, str):
            if schema not in _PRIMITIVES:
                return self._named[schema.rpartition(".")[2]]
            node.kind = _PRIMITIVES[schema]
            return node
        kind = schema["type"]
        if kind == "record":
            node.kind = RECORD
            node.made = self._classes[schema["name"]]
            node.names = tuple(sys.intern(field["name"]) for field in schema["fields"])
            node.members = tuple(self.node(field["type"]) for field in schema["fields"])
            self._named[schema["name"]] = node
        elif kind == "enum":
            node.kind = ENUM
            node.members = tuple(self._classes[schema["name"]](symbol) for symbol in schema["symbols"])
            node.indexes = {symbol: index for index, symbol in enumerate(schema["symbols"])}
            self._named[schema["name"]] = node
        elif kind == "array":
            node.kind, node.item = ARRAY, self.node(schema["items"])
        else:
            logical = schema.get("logicalType")
            node.kind = _LOGICAL[logical] if logical else _PRIMITIVES[kind]
            if node.kind == DECIMAL:
                node.scale, node.limit = schema["scale"], 10 ** schema["precision"]
                node.written = {}
            node.read = {}
        return node

    def _union(self, schemas):
        cdef _Node node = _Node()
        if "null" in schemas and len(schemas) == 2:
            node.kind, node.null = OPTIONAL, schemas.index("null")
            node.item = self.node(schemas[1 - node.null])
            return node
        node.kind = UNION
        node.members = tuple(self.node(member) for member in schemas)
        node.indexes = {(<_Node>member).made: index for index, member in enumerate(node.members)}
        return node


_PRIMITIVES = {"string": STRING, "bytes": BYTES, "boolean": BOOLEAN, "int": INT, "long": LONG}
_LOGICAL = {"decimal": DECIMAL, "date": DATE, "timestamp-millis": TIMESTAMP}
