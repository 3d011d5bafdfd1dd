-- One consistent look at some scopes of a virtual shard, for reconciling. Writes nothing.
-- KEYS: leases, clock, journal, then scope keys.   ARGV: record prefix.
-- Returns {now, {field, state, ...} of each scope, {rid, scope key, field, algo, amount, pos, ...}
-- of each open lease, {rid, seq, t0, used, meta} of each journal entry}. Numbers come as text.

local now = read_clock(KEYS[2])
local scopes, opened, rows = {}, {}, {}
for n = 4, #KEYS do scopes[n - 3] = redis.call('HGETALL', KEYS[n]) end
for _, rid in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local raw = redis.call('GET', ARGV[1] .. rid)
  if raw then
    local rec = cmsgpack.unpack(raw)
    local flat = {rid}
    for _, item in ipairs(rec[9] or {}) do
      flat[#flat + 1] = rec[8][item[1]]
      flat[#flat + 1] = item[2]
      flat[#flat + 1] = item[3]
      flat[#flat + 1] = string.format('%.0f', item[5])
      flat[#flat + 1] = string.format('%.0f', item[6])
    end
    opened[#opened + 1] = flat
  end
end
for _, entry in ipairs(redis.call('XRANGE', KEYS[3], '-', '+')) do
  local f = {}
  for k = 1, #entry[2], 2 do f[entry[2][k]] = entry[2][k + 1] end
  if f.rid and f.seq and f.t0 and f.used and f.meta then
    rows[#rows + 1] = {f.rid, f.seq, f.t0, f.used, f.meta}
  end
end
return {string.format('%.0f', now), scopes, opened, rows}
