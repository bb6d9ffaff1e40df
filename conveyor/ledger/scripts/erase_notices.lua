-- Forget all notices of a conversion, and the log of their tries.
--
-- begins with bell.lua
-- begins with notice.lua
--
-- KEYS[1]  notices  hash, the conversion's
-- ARGV[1]  prefix   of all keys
-- ARGV[2]  id       the conversion's
-- returns  how many there were

return erase_notices(ARGV[1], ARGV[2])
