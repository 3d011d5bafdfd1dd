-- Reads scopes, open holds and journal of a virtual shard at one moment, to check or show them. Writes
-- nothing (but a clock that went back).
--
-- KEYS    open holds, clock, journal, then scopes
-- time    milliseconds
-- returns {now as text, state of each scope (empty: none), open holds (id, record, id, record ...), the
--         fields of each entry of the journal}

local clock_key = KEYS[2]
local stored = redis.call('GET', clock_key)
-- include: clock
local states, rows = {}, {}
for n = LOOK_FIRST_SCOPE, #KEYS do states[#states + 1] = redis.call('GET', KEYS[n]) or '' end
for n, entry in ipairs(redis.call('XRANGE', KEYS[3], '-', '+')) do rows[n] = entry[2] end
return {string.format('%.0f', now), states, redis.call('HGETALL', KEYS[1]), rows}
