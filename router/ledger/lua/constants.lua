-- What the ledger's scripts know of its states. No code: each line NAME = literal is written into the
-- scripts where they say NAME, and a line `-- include: a b` in a script stands for a.lua and b.lua.
--
-- What costs there, measured: a redis.call 2 us and more, a number made text 0.6 us, an allocated
-- string or table 0.2 us, a function that captures locals 0.3 us a run, one that captures none 0.07.
-- So functions capture little more than each other, and what is rare is included where it is needed.
--
-- Units: instants and spans in milliseconds; amounts in the unit of their dimension (requests,
-- tokens, nano-USD); costs in a vector of five metrics in pico-USD. Every number stays below 2^53.
-- A vector is 40 bytes, five big-endian 64-bit integers: q requests, t tokens, i input, o output,
-- u pico-USD. A scope is a hash: field = dimension, value = packed integers:
--   S ring      slot index, 13 slots        L leases    count of open records
--   B bucket    level (amount x window), instant
--   C calendar  window id, its end, used, held, left over from the window before, limit last seen,
--               pico remainder of used; the window before: id, used, held, pico remainder
-- A record is RECORD: version 2, state, dispatched, t0, vector crash, then with their lengths:
-- vector of progress (or nothing), payload, scope keys (one a line), amount and pos of each item,
-- the items as reserve was given them (ITEM), meta. pos = ring slot, window id, or bucket size x
-- window. Items of one scope and dimension (a hold and its top-ups) follow each other.
-- Record states: 1 open, 2 settled, 3 closed by the reaper, 4 reaped and then adjusted; a record of
-- state 2 or 4 is only its first two bytes.
--

RING = '>i8i8i8i8i8i8i8i8i8i8i8i8i8i8'
CALENDAR = '>i8i8i8i8i8i8i8i8i8i8i8'
VECTOR = '>i8i8i8i8i8'
PAIR = '>i8i8'
ITEM = '>BBBi8i8i8i8i8i4Bc0'
RECORD = '>BBBi8c40Bc0I4c0I4c0I4c0I4c0I4c0'
ROW = '>Bi8i8c40BBI4'
ALGO_S = 83
ALGO_B = 66
ALGO_C = 67
ALGO_L = 76
SLOTS = 13
TOMBSTONE = '900000'
REST = 250
