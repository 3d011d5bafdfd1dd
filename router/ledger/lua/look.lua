-- One consistent look at some scopes of a virtual shard, for reconciling. Writes nothing.
-- KEYS: holds, clock, journal, then scope keys.
-- Returns {now, state of each scope, {rid, scope key, field, algo, amount, pos, ...} of each open hold,
-- the fields of each journal entry}. Numbers come as text.

-- include: records older old_record

local stored = redis.call('GET', KEYS[2])
-- include: clock
local scopes, opened, rows = {}, {}, {}
for n = 4, #KEYS do
  scopes[n - 3] = redis.call('MGET', KEYS[n])[1] or older_state(KEYS[n]) or ''
end
local function tell(rid, rec)
  local numbers, count, pieces, keys, at = read_record(rec, KEYS[2])
  local flat, item, scopes = {rid}, 0, string.byte(rec, at)
  at = at + 2
  for scope = 1, scopes do
    local size = string.byte(rec, at)
    for name in string.gmatch(string.sub(rec, at + 3, at + 1 + size), '[^ ]+') do
      item = item + 1
      local first = {numbers[1 + 2 * item], numbers[2 + 2 * item]}
      for k = 2 + 2 * count, 2 * count + 3 * pieces - 1, 3 do
        if numbers[k + 1] == item then first[#first + 1], first[#first + 2] = numbers[k + 2], numbers[k + 3] end
      end
      for k = 1, #first, 2 do
        for _, part in ipairs({keys[1 + scope], string.sub(name, 2), string.sub(name, 1, 1),
          string.format('%.0f', first[k]), string.format('%.0f', first[k + 1])}) do flat[#flat + 1] = part end
      end
    end
    at = at + 3 + size + string.byte(rec, at + 1) * ITEM_SIZE
  end
  opened[#opened + 1] = flat
end
local held = redis.call('HGETALL', KEYS[1])
for k = 1, #held, 2 do tell(held[k], held[k + 1]) end
local base = string.sub(KEYS[1], 1, -2)
for _, rid in ipairs(redis.call('ZRANGE', base .. 'x', 0, -1)) do
  local raw, state, rec = redis.call('GET', base .. 'r:' .. rid), nil, nil
  if raw and string.byte(raw) ~= 3 then state, rec = older_record(raw) end
  if state == 1 then tell(rid, rec) end
end
for n, entry in ipairs(redis.call('XRANGE', KEYS[3], '-', '+')) do rows[n] = entry[2] end
return {string.format('%.0f', now), scopes, opened, rows}
