-- One consistent look at some scopes of a virtual shard, for reconciling. Writes nothing.
-- KEYS: leases, clock, journal, then scope keys.   ARGV: record prefix.
-- Returns {now, {field, state, ...} of each scope, {rid, scope key, field, algo, amount, pos, ...}
-- of each open lease, the fields of each journal entry}. Numbers come as text.

-- include: clock records

local now = clock_at(redis.call('GET', KEYS[2]))
local scopes, opened, rows = {}, {}, {}
for n = 4, #KEYS do scopes[n - 3] = redis.call('HGETALL', KEYS[n]) end
for _, rid in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local raw = redis.call('GET', ARGV[1] .. rid)
  local rec = raw and read_record(raw)
  if rec and rec[9] then
    local flat, keys = {rid}, {}
    for key in string.gmatch(rec[7], '[^\n]+') do keys[#keys + 1] = key end
    for _, item in ipairs((items_of(rec))) do
      flat[#flat + 1] = keys[item[2]]
      flat[#flat + 1] = item[10]
      flat[#flat + 1] = string.char(item[1])
      flat[#flat + 1] = string.format('%.0f', item[12])
      flat[#flat + 1] = string.format('%.0f', item[13])
    end
    opened[#opened + 1] = flat
  end
end
for n, entry in ipairs(redis.call('XRANGE', KEYS[3], '-', '+')) do rows[n] = entry[2] end
return {string.format('%.0f', now), scopes, opened, rows}
