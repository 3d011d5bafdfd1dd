-- Puts another key in the place of a scope's, in the body of the hold as well.
-- in   key, scope, keys, body, at   out   body, at
keys[KEYS_BEFORE_SCOPES + scope] = key
local addresses = table.concat({unpack(keys, KEYS_BEFORE_SCOPES + 1, KEYS_BEFORE_SCOPES + scopes)}, '\n')
local plan_at = ask[ASK_PLAN_AT]
body = sub(body, 1, ADDRESSES_FIRST_BYTE - 1) .. put(ADDRESSES_SIZE, #addresses)
  .. sub(body, BODY_HEAD_BYTES + 1, BODY_BYTES) .. addresses .. sub(body, plan_at)
local moved = #addresses + BODY_BYTES + 1 - plan_at
at, ask[ASK_PLAN_AT] = at + moved, plan_at + moved
