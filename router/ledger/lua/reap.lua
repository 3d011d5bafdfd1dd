-- Looks at some of the open holds and closes those whose lease has run out. A hold is charged for the
-- progress last reported; without any, for its prompt if a backend had been reached, else for nothing. Its
-- record is kept for a while as expired, because its settlement may still come.
--
-- KEYS    open holds, clock, journal
-- ARGV    cursor (0 to begin); how many holds to look at
-- time    milliseconds
-- returns {cursor to go on with (0: all were looked at), how many were closed}

-- include: ring.turn scope.replace hold.read hold.plan_end close mark.name mark.write

local holds, clock_key, journal = unpack(KEYS)
local stored = redis.call('GET', clock_key)
-- include: clock
local base, sub = string.sub(holds, 1, -2), string.sub

local function expire(hold_id, record)
  local numbers, items, keys, plan_at, progress, payload = read_hold(record, clock_key)
  local body, behind, used = numbers[#numbers], plan_end(record, plan_at), NOTHING
  local dispatched = string.byte(record, body) == 1
  if dispatched then used = sub(record, body + BODY_HEAD_BYTES, body + BODY_BYTES - 1) end
  if progress > 0 then used = sub(record, behind, behind + VECTOR_BYTES - 1) end
  local vector, known = {struct.unpack(VECTOR, used)}, redis.call('MGET', unpack(keys))
  local writes = close(record, numbers, items, keys, known, plan_at, vector, vector, now, true)
  if #writes > 0 then redis.call('MSET', unpack(writes)) end
  local reported = sub(record, behind + progress, behind + progress + payload - 1)
  local meta = sub(record, behind + progress + payload)
  redis.call('XADD', journal, '*', ROW_FIELD, struct.pack(ROW, 0, numbers[2], now, #meta) .. meta
    .. used .. string.char(#hold_id, #EXPIRED) .. hold_id .. EXPIRED .. reported)
  redis.call('SET', base .. EXPIRED_KEY .. hold_id, used .. record, 'PX', EXPIRED_KEPT_MS)
  redis.call('HDEL', holds, hold_id)
  local mark, bit = mark_of(base, hold_id)
  remember(mark, redis.call('GET', mark), bit, now)
end

local page, due = redis.call('HSCAN', holds, ARGV[1], 'COUNT', ARGV[2]), {}
for k = 1, #page[2], 2 do
  local hold_id, record = page[2][k], page[2][k + 1]
  local ends = struct.unpack(NUMBER, record, HOLD_HEAD_BYTES + 1)
  if ends < now then due[#due + 1] = {ends = ends, id = hold_id, record = record} end
end
table.sort(due, function(one, two)
  return one.ends < two.ends or one.ends == two.ends and one.id < two.id
end)
for _, hold in ipairs(due) do expire(hold.id, hold.record) end
if #due > 0 and clock then redis.call('SET', clock_key, clock) end
return {page[1], #due}
