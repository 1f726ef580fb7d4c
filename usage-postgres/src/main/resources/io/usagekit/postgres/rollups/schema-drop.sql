-- Takes the triggers on the host's tables along, which depend on its functions.
drop schema if exists {rollups} cascade
