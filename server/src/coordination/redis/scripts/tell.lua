-- Tells that a lease has ended. A script, so that a Cluster's node that has the key is the one that tells.
-- KEYS: the key. ARGV: its name, channel.
return redis.call('PUBLISH', ARGV[2], ARGV[1])
