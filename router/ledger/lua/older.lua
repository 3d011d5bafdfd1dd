-- What earlier formats left. A scope was a hash, field = dimension, value = big-endian integers, the
-- shape known by its size. Returns it as a string of today's, or false where there is none.
local function older_state(key)
  if redis.call('TYPE', key).ok ~= 'hash' then return false end
  local flat, names, heads, others = redis.call('HGETALL', key), '', '', ''
  for k = 1, #flat, 2 do
    local raw = flat[k + 1]
    local n = {struct.unpack('>' .. string.rep('i8', #raw / 8), raw)}
    local algo, head, other
    if #raw == 112 then
      local slot, older = n[1], 0
      local used = n[2 + slot % SLOTS]
      for i = 2, 14 do older = older + n[i] end
      algo, head = 'S', struct.pack('<ddd', slot, used, older - used)
      other = struct.pack(RING, unpack(n, 2, 14))
    elseif #raw == 88 then
      algo, head = 'C', struct.pack('<ddd', n[3], n[4], n[7])
      other = struct.pack(CALENDAR, n[1], n[2], n[5], n[6], n[8], n[9], n[10], n[11])
    else
      algo, other = #raw == 16 and 'B' or 'L', ''
      head = struct.pack(#raw == 16 and '<dd' or '<d', n[1], n[2])
    end
    names, heads, others = names .. algo .. flat[k] .. ' ', heads .. head, others .. other
  end
  return names .. ';' .. heads .. others
end
