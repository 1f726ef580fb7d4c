-- What the roll-ups that are installed were made by and for.
select version, settings from {rollups}.state
