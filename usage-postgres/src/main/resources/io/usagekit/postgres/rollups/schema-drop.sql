-- Also drops the triggers on the host's tables, which depend on functions of this schema.
drop schema if exists {rollups} cascade
