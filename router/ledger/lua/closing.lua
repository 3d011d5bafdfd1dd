-- Closes an open record (held) or adjusts a reaped one (not held): moves each item from what it holds,
-- or was charged by the vector `before`, to what was really used, the vector `after`. `known`: what
-- `keys` hold. Returns keys and states to write, and where the plan ends.
local function apply(rec, numbers, count, pieces, keys, known, at, before, after, now, held)
  local get, put, sub, byte = struct.unpack, struct.pack, string.sub, string.byte
  local floor, min = math.floor, math.min
  local scopes, user_scope = byte(rec, at, at + 1)
  local writes, n = {}, 0
  at = at + 2
  for scope = 1, scopes do
    local size, items, heads = byte(rec, at, at + 2)
    local layout, key, raw = sub(rec, at + 3, at + 2 + size), keys[1 + scope], known[1 + scope]
    at = at + 3 + size
    if not raw or sub(raw, 1, size) ~= layout then
      -- include: layout older
      raw = raw or older_state(key)
      raw = raw and arrange(raw, layout)
    end
    if raw then
      local format = sub(DOUBLES, 1, heads + 1)
      local v = {get(format, raw, size + 1)}
      local rest, i, o = sub(raw, v[heads + 1]), 1, 0
      for item = n + 1, n + items do
        local algo, metric, scale, limit, a = get(ITEM, rec, at)
        local was, pos, to, from = numbers[1 + 2 * item], numbers[2 + 2 * item], after[metric], before[metric]
        at = at + ITEM_SIZE
        if algo == ALGO_S then
          local slot, newest = v[i], floor(now / a)
          if newest > slot then
            rest, v[i + 2] = turn(rest, o, slot, v[i + 1], newest)
            v[i], v[i + 1], slot = newest, 0, newest
          end
          -- A hold and its pieces share one actual: filled in order, the last takes the rest.
          local piece, more = 2 + 2 * count
          repeat
            more = nil
            for k = piece, 2 * count + 3 * pieces - 1, 3 do
              if numbers[k + 1] == item then
                more = k
                break
              end
            end
            local share, charged = to, from
            if more then share, charged = min(to, was), min(from, was) end
            local delta = share - (held and was or charged)
            to, from = to - share, from - charged
            if slot - pos >= SLOTS then
              -- The slot is gone; only what was used beyond the hold counts, as of now.
              if delta > 0 then v[i + 1] = v[i + 1] + delta end
            elseif pos == slot then
              v[i + 1] = v[i + 1] + delta
            else
              local where = o + 8 * (pos % SLOTS)
              v[i + 2] = v[i + 2] + delta
              rest = replace(rest, where, get('<d', rest, where + 1) + delta)
            end
            if more then was, pos, piece = numbers[more + 2], numbers[more + 3], more + 3 end
          until not more
          i, o = i + 3, o + 104
        elseif algo == ALGO_C then
          local start, _, left = get('<ddd', rest, o + 1)
          local pico = held and to or to - from
          if start == pos then
            pico = v[i + 2] + pico
            v[i], v[i + 2] = v[i] + floor(pico / scale), pico % scale
            if held then v[i + 1] = v[i + 1] - was end
          else
            local earlier, used, hold, rem = get('<dddd', rest, o + 33)
            if earlier == pos then
              local freed = held and was or 0
              pico = rem + pico
              rest = replace(rest, o + 16, left + freed - floor(pico / scale))
              rest = replace(rest, o + 40, used + floor(pico / scale))
              rest = replace(rest, o + 48, hold - freed)
              rest = replace(rest, o + 56, pico % scale)
            end
          end
          i, o = i + 3, o + 64
        elseif algo == ALGO_L then
          if held then v[i] = math.max(0, v[i] - 1) end
          i = i + 1
        else
          local level, ts = v[i], v[i + 1]
          if ts == 0 then level, ts = pos, now end
          if now > ts then level, ts = level + (now - ts) * limit, now end
          v[i] = min(pos, min(pos, level) + ((held and was or from) - to) * a)
          v[i + 1], i = ts, i + 2
        end
      end
      raw = layout .. put(format, unpack(v)) .. rest
      if scope == user_scope then
        redis.call('SET', key, raw, 'KEEPTTL')
      else
        writes[#writes + 1] = key
        writes[#writes + 1] = raw
      end
    else
      at = at + items * ITEM_SIZE
    end
    n = n + items
  end
  return writes, at
end
