-- The roll-ups' schema. Leave this statement out where the schema exists.
create schema {rollups};

