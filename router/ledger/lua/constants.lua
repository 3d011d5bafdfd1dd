-- What the ledger's scripts know of its states. No code: each line NAME = literal is written into the
-- scripts where they say NAME, and a line `-- include: a b` in a script stands for a.lua and b.lua.
--
-- What costs there, measured: a redis.call 1.4 us and more, each key or argument 0.2 us, a number in
-- a reply 0.2 us, a number made text 1.2 us, a table 0.3 us, a new string 0.2 us, a function defined
-- 0.15 us, a call of struct 0.2 us and then 15 ns for each number read, 55 ns for each written; what is
-- looked up by its name 50 ns.
-- So a script reads with one MGET and writes with one MSET, and what is rare is included where it is
-- needed, in the branch that needs it.
--
-- Units: instants and spans in milliseconds; amounts in the unit of their dimension (requests,
-- tokens, nano-USD); costs in a vector of five metrics in pico-USD. Every number stays below 2^53.
-- A vector is 40 bytes, five big-endian 64-bit integers: q requests, t tokens, i input, o output,
-- u pico-USD. All other numbers are little-endian doubles.
--
-- A scope is a string: its layout (algorithm and name of each dimension, a space after each, then a
-- semicolon), the numbers of each that most requests change, then the others of each:
--   S ring      slot, used in it, used in the 12 before | what 13 slots hold, the newest excepted
--   C calendar  used, held, pico remainder of used | window id, its end, left over from the window
--               before, limit last seen; of the window before: id, used, held, pico remainder
--   B bucket    level (amount x window), instant |
--   L leases    count of open records |
-- Zeros stand for what was never used. What today's policy does not limit follows as further strings
-- of that kind.
--
-- A plan is what a policy limits: number of scopes, number of the user's scope (0: none), then for
-- each scope the lengths of its layout, its items and its changing numbers, its layout, its items
-- (ITEM): algorithm, metric, scale, limit, a, b, c, d:
--   S a = slot ms      B a = window ms, b = burst      L nothing
--   C a, b, c = start, end and next end of the window in ms, d = most carried over; limit -1 = the
--     limit is what the state says (a prepaid balance)
--
-- A record is a field of the hash of open holds: version 3, number of items, of extra pieces; as
-- doubles when its lease ends and when it began, amount and pos of each item, then item, amount and
-- pos of each piece that a top-up took in another slot; then its body (BODY): dispatched, lengths of
-- progress, payload and scope keys; the vector a crash costs, the scope keys (one a line), the plan,
-- the vector of progress (or nothing), payload, meta. pos = ring slot, window id, or bucket size x
-- window. What the reaper closed is kept for a while under a key of its own: 3, the vector charged,
-- the record.
--
-- A mark remembers which of 256 holds of one process were ever reserved: an instant of its last
-- renewal, then a bit for each. It outlives each of them by a quarter of an hour.

RING = '<ddddddddddddd'
CALENDAR = '<dddddddd'
VECTOR = '>i8i8i8i8i8'
PAIR = '>i8i8'
ITEM = '<BBHddddd'
ITEM_SIZE = 44
HEAD = '<BBH'
HEAD_SIZE = 4
BODY = '<BBI4H'
BODY_SIZE = 48
ASK = '<ddddddddddddddd'
RECORD = '<BBHdddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd'
ROW = '>Bi8i8I4'
DOUBLES = '<dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd'
MOST_DOUBLES = 160
INTEGERS = '<i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8i8'
ALGO_S = 83
ALGO_B = 66
ALGO_C = 67
ALGO_L = 76
SLOTS = 13
ZEROS = '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
TOMBSTONE = '900000'
MARK_BITS = 64
MARK_FRESH = 300000
MARK_LIFE = 1560000
REST = 1000
